#include "model_object.h"

#include "arguments.h"
#include "errors.h"
#include "step_codec.h"

namespace longhaul::napi {
namespace {

// Levels by operator; operators that are not named keep their own.
kernels::Choice read_choice(const Napi::Object& options) {
  kernels::Choice choice;
  const Napi::Value value = options.Get("kernels");
  if (value.IsUndefined()) return choice;
  if (!value.IsObject()) throw invalid("kernels", "must be an object");
  const auto levels = value.As<Napi::Object>();
  const Napi::Array names = levels.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = names.Get(i).ToString();
    const Napi::Value level = levels.Get(name);
    if (!level.IsString()) throw invalid("kernels", name + " must be a string");
    choice.set(name, level.As<Napi::String>());
  }
  return choice;
}

Fault not_now(const char* message) { return Fault(FaultKind::kFailedPrecondition, message); }

}  // namespace

Napi::Function ModelObject::define(Napi::Env env) {
  return DefineClass(
      env, "Model",
      {InstanceAccessor<&ModelObject::get_ready>("ready"), InstanceAccessor<&ModelObject::get_vocab_size>("vocabSize"),
       InstanceAccessor<&ModelObject::get_layers_done>("layersDone"), InstanceMethod<&ModelObject::step>("step"), InstanceMethod<&ModelObject::cancel>("cancel"),
       InstanceMethod<&ModelObject::dispose>("dispose")});
}

ModelObject::ModelObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelObject>(info) {
  guarded(info.Env(), [&] {
    const Napi::Object options = object_argument(info, 0, "options");
    const bool spin = bool_field(options, "spin");
    session_ = std::make_unique<model::Session>(
        model::ModelOptions{copied_field<uint8_t>(options, "graph"), string_field(options, "weightsDir"),
                            int32_field(options, "threads"), spin, read_choice(options)});
    thread_ = std::make_unique<EngineThread>(
        info.Env(), EngineThread::Options{[session = session_.get()] { session->interrupt(); }, spin});
    start_loading(info.Env());
  });
}

// The thread ends before the session it uses. Without dispose() the session is released here, on the JavaScript thread.
ModelObject::~ModelObject() {
  if (thread_) thread_->stop();
}

void ModelObject::post(Napi::Env env, EngineThread::Job job) {
  Ref();
  thread_->post(env, {std::move(job.work), [this, settle = std::move(job.settle)](Napi::Env env, std::exception_ptr e) {
                        settle(env, e);
                        Unref();
                      }});
}

void ModelObject::start_loading(Napi::Env env) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  ready_ = Napi::Reference<Napi::Promise>::New(deferred.Promise(), 1);
  post(env, {[this] { session_->load(); },
             [this, deferred](Napi::Env env, std::exception_ptr error) {
               if (state_ == State::kLoading) state_ = error ? State::kFailed : State::kIdle;
               if (error) deferred.Reject(to_error(env, error).Value());
               else deferred.Resolve(env.Undefined());
             }});
}

Napi::Value ModelObject::get_ready(const Napi::CallbackInfo&) { return ready_.Value(); }

Napi::Value ModelObject::get_vocab_size(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (state_ == State::kLoading || state_ == State::kFailed) throw not_now("the model is not loaded");
    return Napi::Number::New(info.Env(), session_->vocab());
  });
}

Napi::Value ModelObject::get_layers_done(const Napi::CallbackInfo& info) {
  const int layers = session_->layers_done();
  return layers < 0 ? info.Env().Null() : Napi::Number::New(info.Env(), layers).As<Napi::Value>();
}

void ModelObject::require_idle() const {
  switch (state_) {
    case State::kIdle:
      return;
    case State::kRunning:
      throw not_now("a step of this model is already running");
    case State::kDisposed:
      throw not_now("the model is disposed");
    case State::kLoading:
    case State::kFailed:
      throw not_now("the model is not loaded");
  }
}

// A refused request rejects the promise as a failed run does; nothing is thrown at the caller.
Napi::Value ModelObject::step(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  try {
    require_idle();
    model::StepInput input = read_step(info[0], object_argument(info, 1, "request"));
    model::validate(input, session_->vocab());
    return start_step(env, std::move(input));
  } catch (const Napi::Error& error) {
    const auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(error.Value());
    return deferred.Promise();
  } catch (...) {
    const auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(to_error(env, std::current_exception()).Value());
    return deferred.Promise();
  }
}

Napi::Value ModelObject::start_step(Napi::Env env, model::StepInput step) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  const auto input = std::make_shared<model::StepInput>(std::move(step));
  const auto output = std::make_shared<model::StepOutput>();
  state_ = State::kRunning;
  post(env, {[this, input, output] { *output = session_->run(*input); },
             [this, input, output, deferred](Napi::Env env, std::exception_ptr error) {
               // Cancelled after its last node: the caller was promised a rejection.
               if (!error && session_->interrupted())
                 error = std::make_exception_ptr(Fault(FaultKind::kCancelled, "cancelled"));
               if (state_ == State::kRunning) {
                 session_->resume();
                 state_ = State::kIdle;
               }
               if (error) deferred.Reject(to_error(env, error).Value());
               else deferred.Resolve(write_result(env, *output, input->want_logits));
             }});
  return deferred.Promise();
}

void ModelObject::cancel(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    if (state_ == State::kRunning) session_->interrupt();
  });
}

Napi::Value ModelObject::dispose(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (state_ == State::kDisposed) return disposed_.Value();
    Napi::Env env = info.Env();
    if (state_ == State::kRunning || state_ == State::kLoading) session_->interrupt();
    state_ = State::kDisposed;
    const auto deferred = Napi::Promise::Deferred::New(env);
    disposed_ = Napi::Reference<Napi::Promise>::New(deferred.Promise(), 1);
    post(env, {[this] { session_->unload(); },
               [this, deferred](Napi::Env env, std::exception_ptr error) {
                 thread_->stop();
                 if (error) deferred.Reject(to_error(env, error).Value());
                 else deferred.Resolve(env.Undefined());
               }});
    return disposed_.Value();
  });
}

}  // namespace longhaul::napi
