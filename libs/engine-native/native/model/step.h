#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../gate/load_gate.h"
#include "../kv_pool.h"
#include "../sampling/sampler.h"

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
  std::shared_ptr<KvPool> pool;
  int64_t pool_handle = 0;
  std::vector<int32_t> token_ids, cu_seqlens, past_lens, block_table, logit_rows;
  std::vector<float> rope_inv_freq, rope_scale;
  int block_table_width = 0;
  int rope_classes = 0;
  std::vector<SampleTask> samples;
  std::vector<ScoreTask> scores;
  // Ascending by sequence.
  std::vector<GatedSequence> gates;
  bool want_logits = false;

  int64_t tokens() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t batch() const { return static_cast<int64_t>(past_lens.size()); }
  int64_t rope_pairs() const;
};

// A draw that failed says so in its status; the others of the step stand.
struct StepOutput {
  std::vector<sampling::SampleOutput> samples, scores;
  std::vector<float> logits;  // [R, vocab] when asked for
  double run_ms = 0;
  double sample_ms = 0;
};

// Checks lengths, ranges and page numbers against the pool and the vocabulary. Throws Fault naming the field.
void validate(const StepInput& step, int vocab);

}  // namespace longhaul::model
