#include "attention_objects.h"

#include "arguments.h"
#include "attention_codec.h"
#include "errors.h"

namespace longhaul::napi {
namespace {

constexpr napi_type_tag kPolicyTag = {0x6c6f6e676861756c, 0x61742d706f6c6901};
constexpr napi_type_tag kSequenceTag = {0x6c6f6e676861756c, 0x61742d7365717501};

bool has_tag(const Napi::Value& value, const napi_type_tag& tag) {
  return value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&tag);
}

// None where the options say nothing.
attention::AuditSampling audit_option(const Napi::Value& options) {
  if (!options.IsObject()) return {};
  const Napi::Value value = options.As<Napi::Object>().Get("audit");
  if (value.IsUndefined() || value.IsNull()) return {};
  if (!value.IsObject()) throw invalid("audit", "must be an object");
  const Napi::Object audit = value.As<Napi::Object>();
  const attention::AuditSampling sampling{uint64_field(audit, "key"), number_field(audit, "share")};
  if (!(sampling.share >= 0.0 && sampling.share <= 1.0)) throw invalid("audit.share", "must be in [0, 1]");
  return sampling;
}

std::shared_ptr<attention::SequenceState> state_of(const Napi::Value& of, const Napi::Value& options) {
  if (has_tag(of, kSequenceTag)) return std::make_shared<attention::SequenceState>(*SequenceAttentionObject::from(of, "of").state());
  return std::make_shared<attention::SequenceState>(AttentionPolicyObject::from(of, "policy").policy(), audit_option(options));
}

}  // namespace

Napi::Function AttentionPolicyObject::define(Napi::Env env) { return DefineClass(env, "AttentionPolicy", {}); }

AttentionPolicyObject& AttentionPolicyObject::from(const Napi::Value& value, const char* name) {
  if (!has_tag(value, kPolicyTag)) throw invalid(name, "must be an attention policy");
  return *Unwrap(value.As<Napi::Object>());
}

AttentionPolicyObject::AttentionPolicyObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<AttentionPolicyObject>(info) {
  guarded(info.Env(), [&] {
    policy_ = std::make_shared<const attention::AttentionPolicy>(read_policy(object_argument(info, 0, "policy")));
    Value().TypeTag(&kPolicyTag);
  });
}

Napi::Function SequenceAttentionObject::define(Napi::Env env) {
  return DefineClass(env, "SequenceAttention", {InstanceMethod<&SequenceAttentionObject::dispose>("dispose")});
}

SequenceAttentionObject& SequenceAttentionObject::from(const Napi::Value& value, const char* name) {
  if (!has_tag(value, kSequenceTag)) throw invalid(name, "must be the attention of a sequence");
  return *Unwrap(value.As<Napi::Object>());
}

SequenceAttentionObject::SequenceAttentionObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SequenceAttentionObject>(info) {
  guarded(info.Env(), [&] {
    state_ = state_of(info[0], info[1]);
    Value().TypeTag(&kSequenceTag);
  });
}

std::shared_ptr<attention::SequenceState> SequenceAttentionObject::state() const {
  if (!state_) throw Fault(FaultKind::kFailedPrecondition, "the attention of the sequence is disposed");
  return state_;
}

void SequenceAttentionObject::dispose(const Napi::CallbackInfo&) { state_.reset(); }

}  // namespace longhaul::napi
