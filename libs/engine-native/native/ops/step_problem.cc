#include "step_problem.h"

#include "../step/ragged_batch.h"

namespace longhaul::ops {

void describe_step(const StepContext& step, AttentionProblem& problem) {
  const StepFacts& facts = step.facts();
  const RaggedBatch batch = read_batch(facts);
  problem.cu_seqlens = batch.cu;
  problem.past_lens = batch.past;
  problem.batch = batch.batch;
  problem.block_table = facts.block_table.data();
  problem.block_table_width = facts.block_table_width;
  problem.head_tables = facts.head_tables;
  problem.policies = facts.attention;
  problem.probe = facts.probe.get();
  problem.pool = facts.pool->view();
}

}  // namespace longhaul::ops
