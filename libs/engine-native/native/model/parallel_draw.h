#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../fault.h"
#include "../sampling/sampler.h"

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
  for (size_t i = 1; i < helpers; i++) pool.emplace_back(work);
  work();
  pool.clear();
  if (error) std::rethrow_exception(error);
}

// Throws Fault unless the sampler succeeded on entry `index` of `field`.
inline void require_drawn(sampling::SampleStatus status, const std::string& field, size_t index) {
  const std::string entry = field + "[" + std::to_string(index) + "]";
  switch (status) {
    case sampling::SampleStatus::kOk:
      return;
    case sampling::SampleStatus::kNotFinite:
      throw Fault(FaultKind::kInternal, entry + ": the model's logits are not finite", entry);
    case sampling::SampleStatus::kNoCandidate:
      throw invalid(entry, "no token is left to choose from");
    case sampling::SampleStatus::kInvalidInput:
      throw invalid(entry, "a token is outside the vocabulary, lists differ in length, or a parameter is out of range");
  }
}

}  // namespace longhaul::model
