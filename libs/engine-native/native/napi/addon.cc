// The Node-API surface, declared for TypeScript in src/native-addon.ts.
#include <napi.h>

#include "../ort/library.h"
#include "arguments.h"
#include "attention_objects.h"
#include "attention_probe_object.h"
#include "engine_thread.h"
#include "errors.h"
#include "kernel_info.h"
#include "kv_pool_object.h"
#include "load_gate_object.h"
#include "log_channel.h"
#include "model_object.h"

namespace longhaul::napi {
namespace {

Napi::Value load(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsString()) throw invalid("libraryPath", "must be a string");
    ort::load(info[0].As<Napi::String>().Utf8Value());
    return info.Env().Undefined();
  });
}

Napi::Value runtime(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto names = ort::providers();
    Napi::Array providers = Napi::Array::New(env, names.size());
    for (uint32_t i = 0; i < names.size(); i++) providers.Set(i, names[i]);
    Napi::Object result = Napi::Object::New(env);
    result.Set("version", ort::version());
    result.Set("providers", providers);
    result.Set("processor", processor_info(env));
    result.Set("tileProblem", cpu::host().tile_problem);
    result.Set("kernels", kernel_table(env));
    return result;
  });
}

// Every environment that loads the addon: the main one and those of workers.
void stop_threads_at_exit(Napi::Env env) {
  const auto process = env.Global().Get("process").As<Napi::Object>();
  const auto stop = Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
    EngineThread::stop_all(info.Env());
    stop_log(info.Env());
  });
  process.Get("once").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), stop});
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  stop_threads_at_exit(env);
  exports.Set("load", Napi::Function::New(env, load, "load"));
  exports.Set("runtime", Napi::Function::New(env, runtime, "runtime"));
  exports.Set("measureKernels", Napi::Function::New(env, measure_kernels, "measureKernels"));
  exports.Set("followLog", Napi::Function::New(env, follow_log, "followLog"));
  exports.Set("drainLog", Napi::Function::New(env, drain_log, "drainLog"));
  exports.Set("unfollowLog", Napi::Function::New(env, unfollow_log, "unfollowLog"));
  exports.Set("KvPool", KvPoolObject::define(env));
  exports.Set("LoadGate", LoadGateObject::define(env));
  exports.Set("AttentionPolicy", AttentionPolicyObject::define(env));
  exports.Set("SequenceAttention", SequenceAttentionObject::define(env));
  exports.Set("AttentionProbe", AttentionProbeObject::define(env));
  exports.Set("Model", ModelObject::define(env));
  return exports;
}

}  // namespace
}  // namespace longhaul::napi

Napi::Object longhaul_init(Napi::Env env, Napi::Object exports) { return longhaul::napi::init(env, exports); }
NODE_API_MODULE(NODE_GYP_MODULE_NAME, longhaul_init)
