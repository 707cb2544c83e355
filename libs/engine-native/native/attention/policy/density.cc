#include "density.h"

#include <algorithm>

namespace longhaul::attention {
namespace {

/** Entries of a list with pages in [first, last]. */
uint64_t count_between(const PageList& pages, int first, int last) {
  if (last < first) return 0;
  if (pages.logical == nullptr) {
    const int begin = std::max(pages.begin, first), end = std::min(pages.end, last + 1);
    return end > begin ? static_cast<uint64_t>(end - begin) : 0;
  }
  const int32_t* begin = pages.logical + pages.begin;
  const int32_t* end = pages.logical + pages.end;
  return static_cast<uint64_t>(std::upper_bound(begin, end, last) - std::lower_bound(begin, end, first));
}

int first_page_within(int position, int window) {
  return window > 0 ? std::max(0, position - window + 1) / kPageTokens : 0;
}

}  // namespace

void count_pairs(const AttentionProblem& problem, const QueryBlock& block, const PageList& pages, SequenceDensity& density) {
  uint64_t visible = 0;
  uint64_t read = 0;
  const bool masked = block.plan != nullptr && block.plan->rule == Rule::kNone;
  for (int position = block.first_position; position < block.first_position + block.tokens; ++position) {
    const int last = position / kPageTokens;
    const int first = first_page_within(position, problem.window);
    visible += count_between(block.visible, first, last);
    if (!masked) {
      read += count_between(pages, first, last);
      continue;
    }
    const int near = std::max(first, first_page_within(position, block.plan->window_tokens));
    const int behind_sink = (block.plan->sink_tokens + kPageTokens - 1) / kPageTokens;
    read += count_between(pages, first, std::min(behind_sink - 1, last)) + count_between(pages, std::max(near, behind_sink), last);
  }
  const bool prefill = block.phase == Phase::kPrefill;
  (prefill ? density.prefill_visible : density.decode_visible) += visible;
  (prefill ? density.prefill_read : density.decode_read) += read;
}

}  // namespace longhaul::attention
