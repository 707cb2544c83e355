#pragma once

#include <napi.h>

#include "../attention/probe/probe.h"

namespace longhaul::napi {

// NativeAttentionProbe of attention-types.ts.
class AttentionProbeObject : public Napi::ObjectWrap<AttentionProbeObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // The probe behind a JavaScript value. Throws Fault when it is none.
  static AttentionProbeObject& from(const Napi::Value& value, const char* name);

  explicit AttentionProbeObject(const Napi::CallbackInfo& info);

  std::shared_ptr<attention::AttentionProbe> probe() const { return probe_; }

 private:
  Napi::Value sums(const Napi::CallbackInfo& info);

  std::shared_ptr<attention::AttentionProbe> probe_;
};

}  // namespace longhaul::napi
