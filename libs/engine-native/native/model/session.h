#pragma once

#include <atomic>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "../kernels/choice.h"
#include "../ort/library.h"
#include "step.h"

namespace longhaul::model {

struct ModelOptions {
  std::string graph_path;
  int threads = 1;
  bool spin = false;
  kernels::Choice kernels;
};

// A model in an ONNX Runtime session. load(), run() and unload() belong to one thread, which is also one of the
// session's compute threads; interrupt() may be called from any.
class Session {
 public:
  // Throws Fault when an option is out of range.
  explicit Session(ModelOptions options);

  // External weights are mapped from files beside the graph, not read.
  void load();
  // Writes the KV of the new tokens, then samples. Throws Fault; kCancelled after interrupt().
  StepOutput run(StepInput& step);
  void unload();

  // Makes load() or run() throw soon (a run at its next node; gates it waits at are cancelled). Holds until resume().
  void interrupt();
  void resume();
  bool interrupted() const { return interrupted_; }
  // Valid after load().
  int vocab() const { return vocab_; }

 private:
  void read_signature();
  ort::Owned<ort::Value> compute(StepInput& step);
  ort::Owned<ort::Value> compute_gated(StepInput& step);
  void set_gates(std::span<const GatedSequence> gates);
  void draw(const StepInput& step, const float* logits, StepOutput& output) const;
  void throw_if_interrupted() const;

  const ModelOptions options_;
  ort::Owned<ort::SessionOptions> session_options_;
  ort::Owned<ort::RunOptions> run_options_;
  ort::Owned<ort::Session> session_;
  std::vector<std::string> inputs_;
  int vocab_ = 0;
  std::atomic<bool> interrupted_{false};
  std::mutex gates_mutex_;
  // Of the run under way, which may be waiting at them.
  std::vector<GatedSequence> gates_;
};

}  // namespace longhaul::model
