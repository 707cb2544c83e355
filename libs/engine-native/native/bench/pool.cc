#include "pool.h"

#include <sys/mman.h>
#include <time.h>

#include <new>

namespace longhaul::bench {
namespace {

/** Waits without giving the core away: threads that yield end up sharing one. */
void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

double seconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

SpinPool::SpinPool(int threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
}

SpinPool::~SpinPool() {
  stop_.store(true);
  for (std::thread& worker : workers_) worker.join();
}

double SpinPool::now() const { return seconds(workers_.empty() ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC); }

void SpinPool::run(void* context, size_t n, ParallelFor::Body fn, void* user) {
  SpinPool& pool = *static_cast<SpinPool*>(context);
  pool.fn_ = fn;
  pool.user_ = user;
  pool.n_ = n;
  pool.next_.store(0);
  pool.busy_.store(static_cast<int>(pool.workers_.size()));
  pool.generation_.fetch_add(1);
  pool.drain();
  while (pool.busy_.load() > 0) pause();
}

void SpinPool::drain() {
  for (size_t i = next_.fetch_add(1); i < n_; i = next_.fetch_add(1)) fn_(user_, i);
}

void SpinPool::work() {
  int seen = 0;
  while (!stop_.load()) {
    if (generation_.load() == seen) {
      pause();
      continue;
    }
    ++seen;
    drain();
    busy_.fetch_sub(1);
  }
}

Memory::Memory(size_t bytes) : bytes_(bytes) {
  constexpr size_t kHuge = size_t{2} << 20;
  mapped_bytes_ = (bytes + kHuge - 1) / kHuge * kHuge + kHuge;
  mapped_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped_ == MAP_FAILED) throw std::bad_alloc();
  base_ = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(mapped_) + kHuge - 1) / kHuge * kHuge);
  madvise(base_, mapped_bytes_ - kHuge, MADV_HUGEPAGE);
}

Memory::~Memory() { munmap(mapped_, mapped_bytes_); }

}  // namespace longhaul::bench
