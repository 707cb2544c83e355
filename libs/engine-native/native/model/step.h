#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../sampling/sampler.h"
#include "../step/step_context.h"

namespace longhaul::model {

// A sample to draw from one of the step's logit rows, with the arrays its spec borrows.
struct SampleTask {
  int row = 0;
  sampling::SampleSpec spec;
  std::vector<int32_t> seen_tokens, seen_counts, bias_tokens, banned_tokens;
  std::vector<float> bias_values;

  // Points the spec's spans at the arrays; call it once they are filled and will not move.
  void link();
};

struct ScoreTask {
  int row = 0;
  sampling::ScoreSpec spec;
};

// One step as addon-types.ts describes it. Its arrays are its own: the caller's may change while it runs.
struct StepInput {
  // What the graph's operators find by a handle; everything else is fed to the graph or used after it.
  std::shared_ptr<StepContext> context;
  std::vector<int32_t> token_ids, logit_rows;
  std::vector<SampleTask> samples;
  std::vector<ScoreTask> scores;
  bool want_logits = false;
  // Of R, ascending: those that are returned.
  std::vector<int32_t> wanted_rows;

  const StepFacts& facts() const { return context->facts(); }
  int64_t tokens() const { return static_cast<int64_t>(token_ids.size()); }
};

// A draw that failed says so in its status; the others of the step stand.
struct StepOutput {
  std::vector<sampling::SampleOutput> samples, scores;
  std::vector<float> logits;  // [wanted rows, vocab]
  double run_ms = 0;
  double sample_ms = 0;
  // What attention did: see StepStatistics.
  int attention_layers = 0;
  uint64_t kv_read_bytes = 0;
  uint64_t select_ns = 0;
  uint64_t score_bytes = 0;
  std::vector<SequenceDensity> sequences;
};

// Checks lengths, ranges and page numbers against the pool and the vocabulary. Throws Fault naming the field.
void validate(const StepInput& step, int vocab);

}  // namespace longhaul::model
