#include "select_units.h"

#include <limits>

#include "../scoring/scoring.h"
#include "../scoring/select.h"
#include "forced.h"

namespace longhaul::attention {
namespace {

/** The part of a block's pages whose logical numbers are in [first, last). */
PageList entries_between(const PageList& pages, int first, int last) {
  if (pages.logical == nullptr) {
    const int begin = std::clamp(first, pages.begin, pages.end);
    return {nullptr, begin, std::clamp(last, begin, pages.end)};
  }
  const int32_t* begin = pages.logical + pages.begin;
  const int32_t* end = pages.logical + pages.end;
  return {pages.logical, static_cast<int>(std::lower_bound(begin, end, first) - pages.logical),
          static_cast<int>(std::lower_bound(begin, end, last) - pages.logical)};
}

/** A unit's score is the greatest of its pages: a long page hides what a short one shows (LServe, section 3.5). */
void score_by_bounds(const ScoreJob& job, const Middle& middle, std::vector<float>& scores) {
  const int unit_pages = job.block.plan->unit_tokens / kPageTokens;
  const PageList pages = entries_between(job.block.visible, middle.middle_begin * unit_pages, middle.middle_end * unit_pages);
  thread_local std::vector<float> by_page;
  by_page.resize(static_cast<size_t>(pages.size()));
  score_key_bounds(job, pages, job.block.plan->head_reduce, by_page.data());
  scores.assign(static_cast<size_t>(middle.candidates()), -std::numeric_limits<float>::infinity());
  for (int i = 0; i < pages.size(); ++i) {
    float& unit = scores[static_cast<size_t>(pages.at(pages.begin + i) / unit_pages - middle.middle_begin)];
    unit = std::max(unit, by_page[static_cast<size_t>(i)]);
  }
}

/** Scores of the candidates; returns the mass of the forced units. */
float score_by_antidiagonals(const ScoreJob& job, const Middle& middle, std::vector<float>& scores) {
  const HeadPlan& plan = *job.block.plan;
  thread_local std::vector<float> all;
  all.resize(static_cast<size_t>(middle.end - middle.begin));
  score_antidiagonal(job, plan.stride, plan.unit_tokens, all.data());
  float forced = 0.0f;
  for (int unit = middle.begin; unit < middle.end; ++unit) {
    const bool candidate = unit >= middle.middle_begin && unit < middle.middle_end;
    if (!candidate) forced += all[static_cast<size_t>(unit - middle.begin)];
  }
  const auto first = all.begin() + (middle.middle_begin - middle.begin);
  scores.assign(first, first + middle.candidates());
  return forced;
}

/** Candidates that top-k takes. */
int wanted_units(const HeadPlan& plan, const Middle& middle) {
  const int64_t budget = (int64_t{plan.budget_tokens} + plan.unit_tokens - 1) / plan.unit_tokens;
  const int64_t wanted = std::max<int64_t>(0, budget - middle.forced());
  return static_cast<int>(std::clamp<int64_t>(wanted, plan.min_units, plan.max_units));
}

/** Writes the candidates that are chosen, as numbers among them; false where all are. */
bool choose(const ScoreJob& job, const Middle& middle, std::vector<int32_t>& chosen) {
  const HeadPlan& plan = *job.block.plan;
  const bool by_count = plan.rule == Rule::kTopK;
  const int wanted = by_count ? wanted_units(plan, middle) : plan.max_units;
  if (wanted >= middle.candidates() && (by_count || plan.mass >= 1.0f)) return false;
  thread_local std::vector<float> scores;
  float forced_mass = 0.0f;
  if (plan.scorer == Scorer::kKeyBounds) score_by_bounds(job, middle, scores);
  else forced_mass = score_by_antidiagonals(job, middle, scores);
  if (by_count) select_top_k(scores.data(), middle.candidates(), wanted, chosen);
  else select_top_cdf(scores.data(), middle.candidates(), plan.mass, forced_mass, plan.min_units, plan.max_units, chosen);
  return true;
}

}  // namespace

void select_units(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) {
  const int unit_tokens = block.plan->unit_tokens;
  const int unit_pages = unit_tokens / kPageTokens;
  const TokenRange units = visible_units(block, unit_tokens);
  const Middle middle = middle_of(block, unit_tokens, units.begin, units.end);
  thread_local std::vector<int32_t> chosen;
  if (!choose({problem, block}, middle, chosen))
    return append_pages(problem, block, units.begin * unit_pages, units.end * unit_pages - 1, selection.pages);
  append_pages(problem, block, middle.begin * unit_pages, middle.middle_begin * unit_pages - 1, selection.pages);
  for (const int32_t unit : chosen) {
    const int first = (middle.middle_begin + unit) * unit_pages;
    append_pages(problem, block, first, first + unit_pages - 1, selection.pages);
  }
  append_pages(problem, block, middle.middle_end * unit_pages, middle.end * unit_pages - 1, selection.pages);
}

}  // namespace longhaul::attention
