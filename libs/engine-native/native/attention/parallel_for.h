// How a kernel asks its host for threads: a type-erased parallel loop, so that kernels know neither ORT nor
// std::thread.
#pragma once

#include <cstddef>

namespace longhaul {

/** Calls fn(user, i) once for every i in [0, n), in any order and on any threads, and returns when all are done. */
struct ParallelFor {
  using Body = void (*)(void* user, size_t index);
  using Run = void (*)(void* context, size_t n, Body fn, void* user);

  /** Null runs everything on the calling thread. */
  Run run = nullptr;
  void* context = nullptr;
  /** Threads that may run bodies at the same time, the caller included; at least 1. */
  int threads = 1;

  void operator()(size_t n, Body fn, void* user) const {
    if (run != nullptr && n > 1) {
      run(context, n, fn, user);
      return;
    }
    for (size_t i = 0; i < n; ++i) fn(user, i);
  }
};

}  // namespace longhaul
