#pragma once

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace longhaul::napi {

// A thread that does jobs one after the other and reports each on the JavaScript thread. The process stays alive while
// a job is pending, and ends cleanly at any time: see teardown().
class EngineThread {
 public:
  struct Options {
    // Makes a running job return soon. Called when the environment goes away under it.
    std::function<void()> interrupt;
    // Look for the next job for a moment before sleeping; saves the wake-up in a row of short jobs.
    bool spin = false;
  };
  struct Job {
    std::function<void()> work;                                // on the engine thread; may throw
    std::function<void(Napi::Env, std::exception_ptr)> settle;  // on the JavaScript thread; null: no error
  };

  EngineThread(Napi::Env env, Options options);
  ~EngineThread();

  // JavaScript thread only, like stop().
  void post(Napi::Env env, Job job);
  // Ends the thread after the jobs that wait. Idempotent.
  void stop();

  // Ends the threads of an environment, for its `exit` event: process.exit() runs no cleanup hooks before the libraries'
  // static objects are destroyed, and a thread that still works with those would crash.
  static void stop_all(Napi::Env env);

 private:
  static void teardown(void* self);
  void loop();
  void run(Job& job);
  void wait_for_job(std::unique_lock<std::mutex>& lock);

  napi_env env_;
  Options options_;
  Napi::ThreadSafeFunction report_;
  int pending_ = 0;  // JavaScript thread only

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  std::atomic<bool> has_news_{false};
  bool quit_ = false;
  std::thread thread_;
};

}  // namespace longhaul::napi
