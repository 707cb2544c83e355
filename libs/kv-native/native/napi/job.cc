#include "job.h"

#include <cstring>

namespace longhaul::napi {
namespace {

class Job : public Napi::AsyncWorker {
 public:
  Job(Napi::Env env, Napi::Value keep, std::function<io::Outcome()> work,
      std::function<Napi::Value(Napi::Env, const io::Outcome&)> deliver)
      : Napi::AsyncWorker(env, "longhaul_kv"),
        deferred_(env),
        work_(std::move(work)),
        deliver_(std::move(deliver)) {
    Napi::Object holder = Napi::Object::New(env);
    holder.Set("keep", keep);
    keep_ = Napi::Persistent(holder);
  }

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override { outcome_ = work_(); }

  void OnOK() override {
    Napi::HandleScope scope(Env());
    if (outcome_.error == 0) {
      deferred_.Resolve(deliver_(Env(), outcome_));
      return;
    }
    const std::string message = std::string(outcome_.call) + ": " + std::strerror(outcome_.error);
    Napi::Error error = Napi::Error::New(Env(), message);
    error.Set("errno", Napi::Number::New(Env(), outcome_.error));
    error.Set("syscall", Napi::String::New(Env(), outcome_.call));
    deferred_.Reject(error.Value());
  }

  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference keep_;
  std::function<io::Outcome()> work_;
  std::function<Napi::Value(Napi::Env, const io::Outcome&)> deliver_;
  io::Outcome outcome_;
};

}  // namespace

Napi::Promise run_job(Napi::Env env, Napi::Value keep, std::function<io::Outcome()> work,
                      std::function<Napi::Value(Napi::Env, const io::Outcome&)> deliver) {
  auto* job = new Job(env, keep, std::move(work), std::move(deliver));
  const Napi::Promise promise = job->promise();
  job->Queue();
  return promise;
}

Napi::Value deliver_nothing(Napi::Env env, const io::Outcome&) { return env.Undefined(); }
Napi::Value deliver_number(Napi::Env env, const io::Outcome& outcome) { return Napi::Number::New(env, outcome.value); }
Napi::Value deliver_flag(Napi::Env env, const io::Outcome& outcome) { return Napi::Boolean::New(env, outcome.value != 0); }

}  // namespace longhaul::napi
