#include "step_problem.h"

#include <algorithm>
#include <string>

#include "../step/ragged_batch.h"

namespace longhaul::ops {
namespace {

// Every policy is executed by the one path there is; a further one gets its case here.
void require_executable(const StepFacts& facts) {
  if (facts.sequences.size() != facts.past_lens.size())
    throw invalid("policies", "must have " + std::to_string(facts.batch()) + " elements, got " +
                                  std::to_string(facts.sequences.size()));
  for (int b = 0; b < facts.batch(); b++) {
    switch (attention_policy(facts.sequences[size_t(b)].policy, b)) {
      case AttentionPolicy::kDense:
        break;
    }
  }
}

int64_t pages_seen(const AttentionProblem& p, int b) {
  const int fresh = p.cu_seqlens[b + 1] - p.cu_seqlens[b];
  if (fresh == 0 || (p.skipped && p.skipped[b])) return 0;
  const int first = p.window > 0 ? std::max(0, p.past_lens[b] - p.window + 1) : 0;
  return (int64_t{p.past_lens[b]} + fresh + kPageTokens - 1) / kPageTokens - first / kPageTokens;
}

}  // namespace

void describe_step(const StepContext& step, AttentionProblem& problem) {
  const StepFacts& facts = step.facts();
  const RaggedBatch batch = read_batch(facts);
  require_executable(facts);
  problem.cu_seqlens = batch.cu;
  problem.past_lens = batch.past;
  problem.batch = batch.batch;
  problem.block_table = facts.block_table.data();
  problem.block_table_width = facts.block_table_width;
  problem.pool = facts.pool->view();
}

uint64_t kv_bytes_read(const AttentionProblem& p) {
  int64_t pages = 0;
  for (int b = 0; b < p.batch; b++) pages += pages_seen(p, b);
  return static_cast<uint64_t>(pages) * slice_bytes(p.pool.dtype, p.head_dim) * static_cast<uint64_t>(p.kv_heads);
}

}  // namespace longhaul::ops
