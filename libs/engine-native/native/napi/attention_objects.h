#pragma once

#include <napi.h>

#include "../attention/policy/sequence_state.h"

namespace longhaul::napi {

// NativeAttentionPolicy of addon-types.ts.
class AttentionPolicyObject : public Napi::ObjectWrap<AttentionPolicyObject> {
 public:
  static Napi::Function define(Napi::Env env);
  static AttentionPolicyObject& from(const Napi::Value& value, const char* name);

  explicit AttentionPolicyObject(const Napi::CallbackInfo& info);

  std::shared_ptr<const attention::AttentionPolicy> policy() const { return policy_; }

 private:
  std::shared_ptr<const attention::AttentionPolicy> policy_;
};

// NativeSequenceAttention of addon-types.ts: made of a policy, or of another one as its fork.
class SequenceAttentionObject : public Napi::ObjectWrap<SequenceAttentionObject> {
 public:
  static Napi::Function define(Napi::Env env);
  static SequenceAttentionObject& from(const Napi::Value& value, const char* name);

  explicit SequenceAttentionObject(const Napi::CallbackInfo& info);

  // Throws Fault once disposed.
  std::shared_ptr<attention::SequenceState> state() const;

 private:
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<attention::SequenceState> state_;
};

}  // namespace longhaul::napi
