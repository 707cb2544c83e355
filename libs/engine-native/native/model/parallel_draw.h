#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace longhaul::model {

// A thread costs some tens of microseconds to start: below this many logits for each it does not pay.
constexpr size_t kLogitsPerThread = size_t{1} << 20;

// Calls draw(0) ... draw(count - 1), on several threads when there is enough to do. Throws the first exception of any.
template <class F>
void parallel_draw(size_t count, size_t vocab, int threads, F&& draw) {
  const size_t helpers = std::min({count, static_cast<size_t>(threads), count * vocab / kLogitsPerThread + 1});
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  auto work = [&] {
    try {
      for (size_t i = next++; i < count; i = next++) draw(i);
    } catch (...) {
      next = count;
      std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  std::vector<std::jthread> pool;
  try {
    for (size_t i = 1; i < helpers; i++) pool.emplace_back(work);
  } catch (const std::system_error&) {
    // No thread is to be had: those that there are, this one at least, draw everything.
  }
  work();
  pool.clear();
  if (error) std::rethrow_exception(error);
}

}  // namespace longhaul::model
