#include "engine_thread.h"

#include <chrono>
#include <set>
#include <vector>

namespace longhaul::napi {
namespace {

constexpr auto kSpinTime = std::chrono::microseconds(100);

// Threads of all environments that have not been stopped.
std::mutex live_mutex;
std::set<EngineThread*> live;

}  // namespace

EngineThread::EngineThread(Napi::Env env, Options options) : env_(env), options_(std::move(options)) {
  auto ignore = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
  report_ = Napi::ThreadSafeFunction::New(env, ignore, "longhaul engine", 0, 1);
  report_.Unref(env);
  // Hooks run last-in first-out. This one comes after the thread-safe function's own, so at teardown the thread ends
  // before that is closed; releasing a closed one, or calling it, would abort the process.
  napi_add_env_cleanup_hook(env, teardown, this);
  thread_ = std::thread([this] { loop(); });
  std::lock_guard lock(live_mutex);
  live.insert(this);
}

EngineThread::~EngineThread() { stop(); }

void EngineThread::post(Napi::Env env, Job job) {
  if (pending_++ == 0) report_.Ref(env);
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
    has_news_ = true;
  }
  wake_.notify_one();
}

void EngineThread::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(live_mutex);
    live.erase(this);
  }
  napi_remove_env_cleanup_hook(env_, teardown, this);
  {
    std::lock_guard lock(mutex_);
    quit_ = true;
    has_news_ = true;
  }
  wake_.notify_one();
  thread_.join();
  report_.Release();
}

void EngineThread::teardown(void* self) {
  auto* thread = static_cast<EngineThread*>(self);
  {
    std::lock_guard lock(thread->mutex_);
    thread->queue_.clear();
  }
  thread->options_.interrupt();
  thread->stop();
}

void EngineThread::stop_all(Napi::Env env) {
  std::vector<EngineThread*> threads;
  {
    std::lock_guard lock(live_mutex);
    for (EngineThread* thread : live)
      if (thread->env_ == static_cast<napi_env>(env)) threads.push_back(thread);
  }
  for (EngineThread* thread : threads) teardown(thread);
}

void EngineThread::wait_for_job(std::unique_lock<std::mutex>& lock) {
  if (options_.spin && queue_.empty() && !quit_) {
    has_news_ = false;
    lock.unlock();
    const auto end = std::chrono::steady_clock::now() + kSpinTime;
    while (!has_news_ && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    lock.lock();
  }
  wake_.wait(lock, [this] { return quit_ || !queue_.empty(); });
}

void EngineThread::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wait_for_job(lock);
    if (queue_.empty()) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    run(job);
    lock.lock();
  }
}

void EngineThread::run(Job& job) {
  std::exception_ptr error;
  try {
    job.work();
  } catch (...) {
    error = std::current_exception();
  }
  report_.NonBlockingCall([this, settle = std::move(job.settle), error](Napi::Env env, Napi::Function) {
    // A null environment means teardown: nobody is left to tell.
    if (static_cast<napi_env>(env) == nullptr) return;
    if (--pending_ == 0) report_.Unref(env);
    settle(env, error);
  });
}

}  // namespace longhaul::napi
