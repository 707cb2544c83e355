#include "density.h"

#include <algorithm>

#include "../query_blocks.h"

namespace longhaul::attention {
namespace {

/** Entries of a list with pages in [first, last]. */
uint64_t count_between(const PageList& pages, int first, int last) { return static_cast<uint64_t>(pages.between(first, last + 1).size()); }

}  // namespace

void count_pairs(const AttentionProblem& problem, const QueryBlock& block, const PageList& pages, SequenceDensity& density) {
  uint64_t visible = 0;
  uint64_t read = 0;
  const bool masked = block.plan != nullptr && block.plan->rule == Rule::kNone;
  for (int position = block.first_position; position < block.first_position + block.tokens; ++position) {
    const int last = position / kPageTokens;
    const int first = first_page_within(problem.window, position);
    visible += count_between(block.visible, first, last);
    if (!masked) {
      read += count_between(pages, first, last);
      continue;
    }
    const int near = std::max(first, first_page_within(block.plan->window_tokens, position));
    const int behind_sink = (block.plan->sink_tokens + kPageTokens - 1) / kPageTokens;
    read += count_between(pages, first, std::min(behind_sink - 1, last)) + count_between(pages, std::max(near, behind_sink), last);
  }
  const bool prefill = block.phase == Phase::kPrefill;
  (prefill ? density.prefill_visible : density.decode_visible) += visible;
  (prefill ? density.prefill_read : density.decode_read) += read;
}

}  // namespace longhaul::attention
