#include "query_blocks.h"

#include <algorithm>

namespace longhaul::attention {
namespace {

/** The positions [begin, end) of queries that share a selection. `plan` is null where they are dense. */
struct Cut {
  int begin;
  int end;
  Phase phase;
  const HeadPlan* plan;
};

/**
 * Positions below which a plan leaves nothing out: where it says so, and where its budget has room for all that a query sees.
 * Not for a plan that uses lists again: the first of them is as old as its period.
 */
int dense_below(const HeadPlan& plan, Phase phase) {
  const bool counts = plan.rule == Rule::kTopK && plan.scorer != Scorer::kVerticalSlash;
  if (!counts || plan.max_units < kUnbounded || plan.reuses()) return plan.dense_below;
  // Prompts are chosen for a block at a time.
  const int64_t step = phase == Phase::kPrefill ? kBlockTokens : 1;
  const int64_t units = (int64_t{plan.budget_tokens} + plan.unit_tokens - 1) / plan.unit_tokens;
  const int64_t room = units * plan.unit_tokens / step * step;
  return static_cast<int>(std::clamp<int64_t>(room, plan.dense_below, kUnbounded));
}

/** The cut that a position is in, as if all tokens of the sequence came at once. */
Cut cut_around(const PolicySequence& owner, const HeadPlan& prefill, const HeadPlan& decode, int position) {
  const bool decodes = position >= owner.decode_from;
  const HeadPlan& plan = decodes ? decode : prefill;
  const Phase phase = decodes ? Phase::kDecode : Phase::kPrefill;
  const int dense_end = dense_below(plan, phase);
  const bool dense = plan.dense() || position < dense_end;
  if (decodes && !dense) return {position, position + 1, phase, &plan};
  Cut cut{position / kBlockTokens * kBlockTokens, (position / kBlockTokens + 1) * kBlockTokens, phase, dense ? nullptr : &plan};
  if (decodes) cut.begin = std::max(cut.begin, owner.decode_from);
  else cut.end = std::min(cut.end, owner.decode_from);
  if (plan.dense()) return cut;
  if (dense) cut.end = std::min(cut.end, dense_end);
  else cut.begin = std::max(cut.begin, dense_end);
  return cut;
}

}  // namespace

PageList visible_to(const PageList& pages, int window, int position) {
  return pages.between(first_page_within(window, position), position / kPageTokens + 1);
}

PageList visible_pages(const AttentionProblem& p, const PageList& held, int first, int last) {
  const int begin = first_page_within(p.window, first), end = last / kPageTokens + 1;
  // Heads that share a table hold all pages.
  return held.logical == nullptr ? PageList{nullptr, begin, end} : held.between(begin, end);
}

void cut_evenly(const AttentionProblem& p, int sequence, const std::vector<PageList>& held_by_head, int step,
                std::vector<QueryBlock>& blocks) {
  const Span span = span_of(p, sequence);
  for (int begin = 0; begin < span.tokens; begin += step) {
    const int count = std::min(step, span.tokens - begin);
    const int first = span.first_position + begin;
    for (int head = 0; head < p.kv_heads; ++head) {
      const PageList pages = visible_pages(p, held_by_head[static_cast<size_t>(head)], first, first + count - 1);
      blocks.push_back({sequence, head, span.first_token + begin, first, count, pages});
    }
  }
}

void cut_by_position(const AttentionProblem& p, int owner, const std::vector<PageList>& held_by_head,
                     std::vector<QueryBlock>& blocks) {
  const PolicySequence& of = p.policies[static_cast<size_t>(owner)];
  const Span span = span_of(p, of.sequence);
  for (int head = 0; head < p.kv_heads; ++head) {
    const HeadPlan& prefill = of.state->policy().plan(Phase::kPrefill, p.layer, head);
    const HeadPlan& decode = of.state->policy().plan(Phase::kDecode, p.layer, head);
    for (int position = span.first_position; position < span.end_position();) {
      const Cut cut = cut_around(of, prefill, decode, position);
      const int end = std::min(cut.end, span.end_position());
      const PageList pages = visible_pages(p, held_by_head[static_cast<size_t>(head)], position, end - 1);
      blocks.push_back({of.sequence, head, span.first_token + position - span.first_position, position, end - position, pages,
                        owner, cut.phase, cut.plan, cut.begin});
      position = end;
    }
  }
}

}  // namespace longhaul::attention
