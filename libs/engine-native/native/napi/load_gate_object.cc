#include "load_gate_object.h"

#include "arguments.h"
#include "errors.h"

namespace longhaul::napi {
namespace {

constexpr napi_type_tag kTag = {0x6c6f6e676861756c, 0x6c6f61642d676101};

}  // namespace

Napi::Function LoadGateObject::define(Napi::Env env) {
  return DefineClass(env, "LoadGate",
                     {InstanceMethod<&LoadGateObject::advance>("advance"),
                      InstanceMethod<&LoadGateObject::cancel>("cancel"),
                      InstanceAccessor<&LoadGateObject::get_complete>("complete"),
                      InstanceAccessor<&LoadGateObject::get_cancelled>("cancelled"),
                      InstanceAccessor<&LoadGateObject::get_waited_ms>("waitedMs")});
}

LoadGateObject& LoadGateObject::from(const Napi::Value& value, const char* name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) throw invalid(name, "must be a load gate");
  return *Unwrap(value.As<Napi::Object>());
}

LoadGateObject::LoadGateObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LoadGateObject>(info) {
  guarded(info.Env(), [&] {
    const Napi::Object options = object_argument(info, 0, "options");
    gate_ = std::make_shared<LoadGate>(int32_field(options, "layers"),
                                       std::chrono::milliseconds(int32_field(options, "patienceMs")));
    Value().TypeTag(&kTag);
  });
}

void LoadGateObject::advance(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const int64_t layers = int64_argument(info, 0, "layers");
    if (layers < 0 || layers > gate_->layers()) throw invalid("layers", "must be in [0, layers of the gate]");
    gate_->advance(static_cast<int>(layers));
  });
}

void LoadGateObject::cancel(const Napi::CallbackInfo&) { gate_->cancel(); }

Napi::Value LoadGateObject::get_complete(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), gate_->complete());
}

Napi::Value LoadGateObject::get_cancelled(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), gate_->cancelled());
}

Napi::Value LoadGateObject::get_waited_ms(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), std::chrono::duration<double, std::milli>(gate_->waited()).count());
}

}  // namespace longhaul::napi
