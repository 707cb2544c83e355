#include "select_units.h"

#include <limits>

#include "../scoring/scoring.h"
#include "choose.h"

namespace longhaul::attention {
namespace {

/** A unit's score is the greatest of its pages: a long page hides what a short one shows (LServe, section 3.5). */
void score_by_bounds(const ScoreJob& job, const Middle& middle, std::vector<float>& scores) {
  const int unit_pages = job.block.plan->unit_tokens / kPageTokens;
  const PageList pages = job.block.visible.between(middle.middle_begin * unit_pages, middle.middle_end * unit_pages);
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

/** Scores of the candidates; returns the mass of the forced units, which bounds do not have. */
float score(const ScoreJob& job, const Middle& middle, std::vector<float>& scores) {
  if (job.block.plan->scorer == Scorer::kAntidiagonal) return score_by_antidiagonals(job, middle, scores);
  score_by_bounds(job, middle, scores);
  return 0.0f;
}

}  // namespace

void select_units(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) {
  const int unit_tokens = block.plan->unit_tokens;
  const int unit_pages = unit_tokens / kPageTokens;
  const TokenRange units = visible_units(block, unit_tokens);
  const Middle middle = middle_of(block, unit_tokens, units.begin, units.end);
  thread_local std::vector<int32_t> chosen;
  if (!choose({problem, block}, middle, score, chosen))
    return append_pages(problem, block, units.begin * unit_pages, units.end * unit_pages - 1, selection.pages);
  append_pages(problem, block, middle.begin * unit_pages, middle.middle_begin * unit_pages - 1, selection.pages);
  for (const int32_t unit : chosen) {
    const int first = (middle.middle_begin + unit) * unit_pages;
    append_pages(problem, block, first, first + unit_pages - 1, selection.pages);
  }
  append_pages(problem, block, middle.middle_end * unit_pages, middle.end * unit_pages - 1, selection.pages);
}

}  // namespace longhaul::attention
