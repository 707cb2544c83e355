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
    const Napi::Value of = info[0];
    state_ = has_tag(of, kSequenceTag) ? std::make_shared<attention::SequenceState>(*from(of, "of").state())
                                       : std::make_shared<attention::SequenceState>(AttentionPolicyObject::from(of, "policy").policy());
    Value().TypeTag(&kSequenceTag);
  });
}

std::shared_ptr<attention::SequenceState> SequenceAttentionObject::state() const {
  if (!state_) throw Fault(FaultKind::kFailedPrecondition, "the attention of the sequence is disposed");
  return state_;
}

void SequenceAttentionObject::dispose(const Napi::CallbackInfo&) { state_.reset(); }

}  // namespace longhaul::napi
