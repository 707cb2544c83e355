// What a block attends to whatever the scores are. Internal to this folder.
#pragma once

#include <algorithm>

#include "../attention.h"

namespace longhaul::attention {

/** Units of one size that a block sees, [begin, end); those of [middle_begin, middle_end) are candidates, the others forced. */
struct Middle {
  int begin;
  int middle_begin;
  int middle_end;
  int end;

  int candidates() const { return std::max(0, middle_end - middle_begin); }
  int forced() const { return end - begin - candidates(); }
};

/**
 * Sink and window of the block's plan in units of `unit_tokens`, rounded outwards; the unit of the last query is forced
 * always. `begin` and `end` are what the block sees.
 */
inline Middle middle_of(const QueryBlock& block, int unit_tokens, int begin, int end) {
  const HeadPlan& plan = *block.plan;
  const int64_t sink = (int64_t{plan.sink_tokens} + unit_tokens - 1) / unit_tokens;
  const int window_begin = std::max(0, block.cut_position - std::max(plan.window_tokens, 1) + 1) / unit_tokens;
  const int first = std::clamp<int>(static_cast<int>(std::min<int64_t>(sink, end)), begin, end);
  return {begin, first, std::max(first, std::min(window_begin, end)), end};
}

/** Appends the pages [first, last] that the block sees and its KV head holds. */
inline void append_pages(const AttentionProblem& problem, const QueryBlock& block, int first, int last, std::vector<int32_t>& pages) {
  if (block.visible.size() == 0) return;
  const int32_t* row = problem.page_row(block.sequence, block.kv_head);
  const int begin = std::max(first, block.visible.at(block.visible.begin));
  const int end = std::min(last, block.visible.at(block.visible.end - 1));
  for (int page = begin; page <= end; ++page) {
    if (row[page] != kNoPage) pages.push_back(page);
  }
}

}  // namespace longhaul::attention
