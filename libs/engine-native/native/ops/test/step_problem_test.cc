// What PagedAttention takes from the step's context: every fact of it.
#include "../step_problem.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "../../fault.h"

namespace {

using namespace longhaul;

void expect(bool condition, const char* rule) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", rule);
  std::exit(1);
}

// Two sequences: 20 new tokens at the start, one new token after 100.
StepFacts two_sequences() {
  StepFacts facts;
  facts.pool = std::make_shared<KvPool>(KvPoolShape{1, 2, 32, 16, KvDtype::kF32});
  facts.cu_seqlens = {0, 20, 21};
  facts.past_lens = {0, 100};
  facts.block_table = {0, 1, 0, 0, 0, 0, 0, 2, 3, 4, 5, 6, 7, 8};
  facts.block_table_width = 7;
  facts.head_tables = {{1, std::vector<int32_t>(2 * 7, 9)}};
  return facts;
}

AttentionProblem problem_of(const StepContext& step) {
  AttentionProblem problem;
  problem.kv_heads = 2;
  problem.head_dim = 32;
  ops::describe_step(step, problem);
  return problem;
}

void every_fact_of_the_step_arrives() {
  const StepContext step(two_sequences());
  const AttentionProblem problem = problem_of(step);
  expect(problem.batch == 2 && problem.cu_seqlens[2] == 21 && problem.past_lens[1] == 100, "lengths arrive");
  expect(problem.block_table[7] == 2 && problem.block_table_width == 7, "tables arrive");
  expect(problem.page_row(0, 1)[1] == 1 && problem.page_row(1, 1)[6] == 9, "tables per head replace a sequence's row");
  expect(problem.pool.layer_views == step.facts().pool->view().layer_views, "the pool arrives");
}

}  // namespace

int main() {
  every_fact_of_the_step_arrives();
  std::puts("step_problem_test passed");
}
