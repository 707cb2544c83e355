// What one step is about, for the operators of the graph: a graph carries only the handle of its step.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "../attention/attention.h"
#include "../gate/load_gate.h"
#include "../kv_pool.h"

namespace longhaul {

// Facts of one step: B sequences with T new tokens. Arrays are row-major.
struct StepFacts {
  std::shared_ptr<KvPool> pool;
  // [B + 1], from 0 to T.
  std::vector<int32_t> cu_seqlens;
  // [B] tokens already in the pool.
  std::vector<int32_t> past_lens;
  // [B, block_table_width] page numbers.
  std::vector<int32_t> block_table;
  int block_table_width = 0;
  // Of the sequences whose KV heads hold different pages, ascending by sequence; their rows of block_table say nothing.
  std::vector<HeadTables> head_tables;
  // [rope_classes, B, pairs] and [rope_classes, B].
  std::vector<float> rope_inv_freq, rope_scale;
  int rope_classes = 0;
  // Of the sequences whose attention a policy decides, ascending by sequence; the others are dense.
  std::vector<attention::PolicySequence> attention;
  // Looks at the attention of the step; usually nobody does.
  std::shared_ptr<attention::AttentionProbe> probe;
  // Ascending by sequence.
  std::vector<GatedSequence> gates;

  int batch() const { return static_cast<int>(past_lens.size()); }
  int64_t rope_pairs() const;
};

// What the attention of a step has done so far. One thread writes, any may read.
struct StepStatistics {
  std::atomic<int> layers{0};
  // Bytes of the slices that queries looked at, each once per layer and sequence.
  std::atomic<uint64_t> kv_read_bytes{0};
  // Scoring and choosing, all threads together.
  std::atomic<uint64_t> select_ns{0};
  // Most that a thread kept for it in any layer.
  std::atomic<uint64_t> score_bytes{0};
  // By entry of StepFacts::attention. For the thread that runs the step.
  std::vector<SequenceDensity> sequences;

  void layer_done(const AttentionReport& report);
};

// The facts of a step, constant while it runs, with what comes back of it. Owns or shares everything it refers to.
class StepContext {
 public:
  explicit StepContext(StepFacts facts) : facts_(std::move(facts)) { statistics_.sequences.resize(facts_.attention.size()); }

  const StepFacts& facts() const { return facts_; }
  StepStatistics& statistics() { return statistics_; }
  const StepStatistics& statistics() const { return statistics_; }

  // Waits until the layer of every gated sequence is in its pages. Marks, among the sequences, those whose gate was
  // cancelled: their pages may hold anything, and be written to. Empty when there are none.
  std::vector<uint8_t> pass_gates(int layer) const;
  // Whoever waits at a gate of the step goes on without. From any thread.
  void cancel_gates() const;

 private:
  const StepFacts facts_;
  StepStatistics statistics_;
};

// Makes a step known under a handle for as long as this object lives. Handles are never used twice.
class StepRegistration {
 public:
  explicit StepRegistration(std::shared_ptr<StepContext> step);
  ~StepRegistration();
  StepRegistration(const StepRegistration&) = delete;
  StepRegistration& operator=(const StepRegistration&) = delete;

  int64_t handle() const { return handle_; }

 private:
  int64_t handle_;
};

// The step of a handle; whoever holds the result may use it beyond the step's end. Throws Fault for a handle whose step
// has ended, or never was. Safe from any thread.
std::shared_ptr<StepContext> find_step(int64_t handle);

}  // namespace longhaul
