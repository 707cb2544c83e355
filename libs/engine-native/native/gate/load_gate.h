// Lets a step compute over KV that is still arriving: attention of a layer waits until the layer is in its pages.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace longhaul {

// One sequence's load during one step. Whoever loads calls advance() as layers become complete and cancel() when they
// never will; attention calls wait(). Once cancelled, or complete, a gate stays so: a step whose gate is complete at its
// end has read nothing but complete layers. Safe for use by any number of threads.
class LoadGate {
 public:
  // Nobody waits longer than `patience` after the gate was made: the first who would cancels it.
  // Throws Fault for a number of layers or a time out of range.
  LoadGate(int layers, std::chrono::milliseconds patience);

  // Layers [0, layers) are in their pages, visible to whoever passes. Never goes back; nothing after cancel().
  // Throws Fault for more layers than there are.
  void advance(int layers);
  // Whoever waits goes on without the KV. Nothing when all layers are there already.
  void cancel();
  // True when `layer` is in its pages; false when the gate is cancelled, before or meanwhile.
  bool wait(int layer);

  int layers() const { return layers_; }
  bool complete() const;
  bool cancelled() const;
  // Time that callers of wait() have spent waiting, together.
  std::chrono::nanoseconds waited() const;

 private:
  using Clock = std::chrono::steady_clock;

  const int layers_;
  const Clock::time_point deadline_;
  mutable std::mutex mutex_;
  std::condition_variable moved_;
  int open_ = 0;
  bool cancelled_ = false;
  std::chrono::nanoseconds waited_{0};
};

// A sequence of a batch whose KV before the new tokens is behind a gate.
struct GatedSequence {
  int sequence = 0;
  std::shared_ptr<LoadGate> gate;
};

}  // namespace longhaul
