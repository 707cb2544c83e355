#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../kernels/choice.h"
#include "../ort/library.h"
#include "step.h"

namespace longhaul::model {

struct ModelOptions {
  // An ONNX ModelProto.
  std::vector<uint8_t> graph;
  // Folder that the external weights of the graph are named from; may be empty for a graph without.
  std::string weights_dir;
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

  // External weights are mapped from their files, not read. The graph's bytes are gone afterwards.
  void load();
  // Writes the KV of the new tokens, then samples. Operators find the step's context until the graph has run.
  // Throws Fault; kCancelled after interrupt().
  StepOutput run(StepInput& step);
  void unload();

  // Makes load() or run() throw soon (a run at its next node; gates it waits at are cancelled). Holds until resume().
  void interrupt();
  void resume();
  bool interrupted() const { return interrupted_; }
  // Valid after load().
  int vocab() const { return vocab_; }
  // Layers whose attention the step under way has done; -1 between steps. From any thread.
  int layers_done() const;

 private:
  void read_signature();
  ort::Owned<ort::Value> compute(StepInput& step);
  ort::Owned<ort::Value> compute_visibly(StepInput& step);
  void set_current(std::shared_ptr<StepContext> step);
  void draw(const StepInput& step, const float* logits, StepOutput& output) const;
  void throw_if_interrupted() const;

  ModelOptions options_;
  ort::Owned<ort::SessionOptions> session_options_;
  ort::Owned<ort::RunOptions> run_options_;
  ort::Owned<ort::Session> session_;
  std::vector<std::string> inputs_;
  int vocab_ = 0;
  std::atomic<bool> interrupted_{false};
  mutable std::mutex current_mutex_;
  // The step under way, which may be waiting at its gates.
  std::shared_ptr<StepContext> current_;
};

}  // namespace longhaul::model
