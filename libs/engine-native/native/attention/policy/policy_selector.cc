#include "policy_selector.h"

#include <algorithm>

#include "../attention.h"
#include "../query_blocks.h"
#include "reuse.h"
#include "select_units.h"
#include "summary.h"

namespace longhaul::attention {
namespace {

/**
 * Pages of a mask of sinks and a window, of whatever the cut sees: executors mask by token. What lies before the block's first
 * query is in it, too, so that entries have the same numbers however the cut was divided among steps.
 */
void select_masked(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) {
  const HeadPlan& plan = *block.plan;
  const int seen = first_page_within(problem.window, block.cut_position);
  const int near = std::max(seen, first_page_within(plan.window_tokens, block.cut_position));
  const int behind_sink = (plan.sink_tokens + kPageTokens - 1) / kPageTokens;
  const int last = (block.first_position + block.tokens - 1) / kPageTokens;
  const int32_t* row = problem.page_row(block.sequence, block.kv_head);
  const auto take = [&](int begin, int end) {
    for (int page = begin; page < end; ++page) {
      if (row[page] != kNoPage) selection.pages.push_back(page);
    }
  };
  take(seen, std::min(behind_sink, last + 1));
  take(std::max(near, behind_sink), last + 1);
}

void select_by_scores(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) {
  switch (block.plan->scorer) {
    case Scorer::kNone:
      return;
    case Scorer::kKeyBounds:
    case Scorer::kAntidiagonal:
      return select_units(problem, block, selection);
    case Scorer::kVerticalSlash:
      return select_lines(problem, block, selection);
    case Scorer::kKeys:
    case Scorer::kLabels:
      return select_tokens(problem, block, selection);
  }
}

void select_or_use_again(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) {
  if (!block.plan->reuses()) return select_by_scores(problem, block, selection);
  KeptList& kept = problem.policies[static_cast<size_t>(block.owner)].state->list(problem.layer, block.kv_head);
  if (serves(problem, block, kept)) return use_again(problem, block, kept, selection);
  select_by_scores(problem, block, selection);
  keep(problem, block, selection, kept);
}

}  // namespace

void PolicySelector::select(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) const {
  switch (block.plan->rule) {
    case Rule::kAll:
      return;
    case Rule::kNone:
      select_masked(problem, block, selection);
      if (block.plan->summary) summarise(problem, block, selection);
      return;
    case Rule::kTopK:
    case Rule::kTopCdf:
      return select_or_use_again(problem, block, selection);
  }
}

}  // namespace longhaul::attention
