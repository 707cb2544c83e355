#pragma once

#include <napi.h>

#include "../gate/load_gate.h"

namespace longhaul::napi {

// NativeLoadGate of addon-types.ts.
class LoadGateObject : public Napi::ObjectWrap<LoadGateObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // The gate behind a JavaScript value. Throws Fault when it is none.
  static LoadGateObject& from(const Napi::Value& value, const char* name);

  explicit LoadGateObject(const Napi::CallbackInfo& info);

  std::shared_ptr<LoadGate> gate() const { return gate_; }

 private:
  void advance(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value get_complete(const Napi::CallbackInfo& info);
  Napi::Value get_cancelled(const Napi::CallbackInfo& info);
  Napi::Value get_waited_ms(const Napi::CallbackInfo& info);

  std::shared_ptr<LoadGate> gate_;
};

}  // namespace longhaul::napi
