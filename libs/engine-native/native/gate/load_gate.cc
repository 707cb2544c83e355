#include "load_gate.h"

#include <algorithm>
#include <string>

#include "../fault.h"

namespace longhaul {
namespace {

constexpr int kMaxLayers = 1024;
constexpr auto kMaxPatience = std::chrono::hours(1);

}  // namespace

LoadGate::LoadGate(int layers, std::chrono::milliseconds patience)
    : layers_(layers), deadline_(Clock::now() + std::min<std::chrono::milliseconds>(patience, kMaxPatience)) {
  if (layers < 1 || layers > kMaxLayers)
    throw invalid("layers", "must be in [1, " + std::to_string(kMaxLayers) + "], got " + std::to_string(layers));
  if (patience.count() < 1 || patience > kMaxPatience)
    throw invalid("patienceMs", "must be positive and at most an hour, got " + std::to_string(patience.count()));
}

void LoadGate::advance(int layers) {
  if (layers < 0 || layers > layers_)
    throw invalid("layers", "must be in [0, " + std::to_string(layers_) + "], got " + std::to_string(layers));
  {
    std::lock_guard lock(mutex_);
    if (cancelled_) return;
    open_ = std::max(open_, layers);
  }
  moved_.notify_all();
}

void LoadGate::cancel() {
  {
    std::lock_guard lock(mutex_);
    if (open_ == layers_) return;
    cancelled_ = true;
  }
  moved_.notify_all();
}

bool LoadGate::wait(int layer) {
  std::unique_lock lock(mutex_);
  const auto passable = [&] { return cancelled_ || layer < open_; };
  if (!passable()) {
    const auto start = Clock::now();
    if (!moved_.wait_until(lock, deadline_, passable)) {
      cancelled_ = true;
      moved_.notify_all();
    }
    waited_ += Clock::now() - start;
  }
  return !cancelled_;
}

bool LoadGate::complete() const {
  std::lock_guard lock(mutex_);
  return open_ == layers_;
}

bool LoadGate::cancelled() const {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

std::chrono::nanoseconds LoadGate::waited() const {
  std::lock_guard lock(mutex_);
  return waited_;
}

}  // namespace longhaul
