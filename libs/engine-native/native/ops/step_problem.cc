#include "step_problem.h"

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
  problem.head_tables = facts.head_tables;
  problem.policies = facts.attention;
  problem.pool = facts.pool->view();
}

}  // namespace longhaul::ops
