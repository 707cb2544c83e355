// Threads, clocks and memory of the kernel benchmarks.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "attention/parallel_for.h"

namespace longhaul::bench {

/**
 * Threads that wait spinning, as a compute pool does inside a step. Not for use by two callers at once.
 */
class SpinPool {
 public:
  /** The caller of loop() is one of `threads`. */
  explicit SpinPool(int threads);
  ~SpinPool();
  SpinPool(const SpinPool&) = delete;
  SpinPool& operator=(const SpinPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }
  ParallelFor loop() { return {run, this, threads()}; }

  /** Runs body(i) for every i < n on all threads. */
  template <class Body> void each(size_t n, Body&& body) {
    run(this, n, [](void* user, size_t i) { (*static_cast<std::remove_reference_t<Body>*>(user))(i); }, &body);
  }

  /** Seconds: this thread's own CPU time with one thread, so that a busy machine disturbs less, else wall clock. */
  double now() const;

 private:
  static void run(void* context, size_t n, ParallelFor::Body fn, void* user);
  void drain();
  void work();

  ParallelFor::Body fn_ = nullptr;
  void* user_ = nullptr;
  size_t n_ = 0;
  std::atomic<size_t> next_{0};
  std::atomic<int> busy_{0};
  std::atomic<int> generation_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

/** Zeroed memory, in huge pages where the system grants them, as the engine's arena has. */
class Memory {
 public:
  /** @throws std::bad_alloc */
  explicit Memory(size_t bytes);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::byte* base() const { return base_; }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_;
  size_t mapped_bytes_;
  void* mapped_;
  std::byte* base_;
};

}  // namespace longhaul::bench
