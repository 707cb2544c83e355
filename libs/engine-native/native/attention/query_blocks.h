// How the new queries of a sequence are cut into blocks that share a selection. Internal to this folder.
//
// Without a policy a block is what one tile takes, counted from the first new token. Under a policy the cut is by position
// alone: prefill at multiples of kBlockTokens, each decode query by itself, and where a plan begins to be sparse. So what a
// query is selected with does not depend on which tokens its step brought, if chunks of a prompt end at those multiples.
#pragma once

#include <algorithm>
#include <vector>

#include "attention.h"

namespace longhaul::attention {

/** New tokens of one sequence. */
struct Span {
  int first_token;
  int tokens;
  int first_position;

  int end_position() const { return first_position + tokens; }
};

inline Span span_of(const AttentionProblem& p, int sequence) {
  return {p.cu_seqlens[sequence], p.cu_seqlens[sequence + 1] - p.cu_seqlens[sequence], p.past_lens[sequence]};
}

/** The first page of which a query at a position sees a token. `window`: 0 is none. */
inline int first_page_within(int window, int position) {
  return window > 0 ? std::max(0, position - window + 1) / kPageTokens : 0;
}

/** Of the pages that a head holds, those that some query at a position in [first, last] sees. */
PageList visible_pages(const AttentionProblem& p, const PageList& held, int first, int last);

/** Of the pages of a block, those that its query at a position sees. */
PageList visible_to(const PageList& pages, int window, int position);

/** Adds the blocks of a sequence without a policy, of `step` tokens each. */
void cut_evenly(const AttentionProblem& p, int sequence, const std::vector<PageList>& held_by_head, int step,
                std::vector<QueryBlock>& blocks);

/** Adds the blocks of the sequence of AttentionProblem::policies[owner], KV head after KV head. */
void cut_by_position(const AttentionProblem& p, int owner, const std::vector<PageList>& held_by_head,
                     std::vector<QueryBlock>& blocks);

}  // namespace longhaul::attention
