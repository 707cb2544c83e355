#include "log_channel.h"

#include <mutex>

#include "../logging/log_ring.h"
#include "errors.h"

namespace longhaul::napi {
namespace {

struct Channel {
  napi_env env = nullptr;  // null: nobody listens
  Napi::ThreadSafeFunction report;
};

std::mutex mutex;
Channel channel;

const char* severity_name(int severity) {
  constexpr const char* kNames[] = {"verbose", "info", "warning", "error", "fatal"};
  return severity >= 0 && severity < 5 ? kNames[severity] : "error";
}

Napi::Object describe(Napi::Env env, const LogLine& line) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("severity", severity_name(line.severity));
  result.Set("category", line.category);
  result.Set("location", line.location);
  result.Set("message", line.message);
  return result;
}

// On the JavaScript thread.
void drain_to(Napi::Env env, Napi::Function listener) {
  const LogRing::Batch batch = log_ring().drain();
  if (batch.lines.empty()) return;
  Napi::Array lines = Napi::Array::New(env, batch.lines.size());
  for (uint32_t i = 0; i < batch.lines.size(); i++) lines.Set(i, describe(env, batch.lines[i]));
  listener.Call({lines, Napi::Number::New(env, static_cast<double>(batch.lost))});
}

void deliver(Napi::Env env, Napi::Function listener) {
  // A null environment means teardown: nobody is left to tell.
  if (static_cast<napi_env>(env) != nullptr) drain_to(env, listener);
}

// On the environment's own thread. True when it was the one that listened.
bool release(napi_env env) {
  std::lock_guard lock(mutex);
  if (channel.env != env || env == nullptr) return false;
  log_ring().on_lines(nullptr);
  channel.report.Release();
  channel.env = nullptr;
  return true;
}

// Hooks run last-in first-out: this one comes before the thread-safe function's own, so nobody calls a closed one.
void end_channel(void* env) { release(static_cast<napi_env>(env)); }

}  // namespace

Napi::Value follow_log(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsFunction()) throw invalid("listener", "must be a function");
    std::lock_guard lock(mutex);
    if (channel.env != nullptr) return Napi::Boolean::New(env, false);
    channel.report = Napi::ThreadSafeFunction::New(env, info[0].As<Napi::Function>(), "longhaul log", 0, 1);
    channel.report.Unref(env);
    channel.env = env;
    napi_add_env_cleanup_hook(env, end_channel, static_cast<napi_env>(env));
    log_ring().on_lines([report = channel.report]() mutable { report.NonBlockingCall(deliver); });
    return Napi::Boolean::New(env, true);
  });
}

Napi::Value drain_log(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsFunction()) throw invalid("listener", "must be a function");
    drain_to(info.Env(), info[0].As<Napi::Function>());
    return info.Env().Undefined();
  });
}

Napi::Value unfollow_log(const Napi::CallbackInfo& info) {
  stop_log(info.Env());
  return info.Env().Undefined();
}

void stop_log(Napi::Env env) {
  if (release(env)) napi_remove_env_cleanup_hook(env, end_channel, static_cast<napi_env>(env));
}

}  // namespace longhaul::napi
