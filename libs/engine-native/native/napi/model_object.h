#pragma once

#include <napi.h>

#include <memory>

#include "../model/session.h"
#include "engine_thread.h"

namespace longhaul::napi {

// NativeModel of addon-types.ts: a session and the thread that runs it. All members belong to the JavaScript thread
// but for the session, which the engine thread uses while a job is pending.
class ModelObject : public Napi::ObjectWrap<ModelObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit ModelObject(const Napi::CallbackInfo& info);
  ~ModelObject() override;

 private:
  enum class State { kLoading, kIdle, kRunning, kFailed, kDisposed };

  Napi::Value get_ready(const Napi::CallbackInfo& info);
  Napi::Value get_vocab_size(const Napi::CallbackInfo& info);
  Napi::Value get_layers_done(const Napi::CallbackInfo& info);
  Napi::Value step(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  void start_loading(Napi::Env env);
  Napi::Value start_step(Napi::Env env, model::StepInput input);
  void require_idle() const;
  // Runs work on the engine thread and keeps this object alive until settle has been called.
  void post(Napi::Env env, EngineThread::Job job);

  std::unique_ptr<model::Session> session_;
  std::unique_ptr<EngineThread> thread_;
  State state_ = State::kLoading;
  Napi::Reference<Napi::Promise> ready_;
  Napi::Reference<Napi::Promise> disposed_;
};

}  // namespace longhaul::napi
