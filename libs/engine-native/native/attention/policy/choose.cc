#include "choose.h"

#include <algorithm>

#include "../scoring/select.h"

namespace longhaul::attention {
namespace {

/** Candidates that top-k takes. */
int wanted_units(const HeadPlan& plan, const Middle& middle) {
  const int64_t budget = (int64_t{plan.budget_tokens} + plan.unit_tokens - 1) / plan.unit_tokens;
  const int64_t wanted = std::max<int64_t>(0, budget - middle.forced());
  return static_cast<int>(std::clamp<int64_t>(wanted, plan.min_units, plan.max_units));
}

}  // namespace

bool choose(const ScoreJob& job, const Middle& middle, ScoreMiddle score, std::vector<int32_t>& chosen) {
  const HeadPlan& plan = *job.block.plan;
  const bool by_count = plan.rule == Rule::kTopK;
  const int wanted = by_count ? wanted_units(plan, middle) : plan.max_units;
  if (wanted >= middle.candidates() && (by_count || plan.mass >= 1.0f)) return false;
  thread_local std::vector<float> scores;
  const float forced_mass = score(job, middle, scores);
  if (by_count) select_top_k(scores.data(), middle.candidates(), wanted, chosen);
  else select_top_cdf(scores.data(), middle.candidates(), plan.mass, forced_mass, plan.min_units, plan.max_units, chosen);
  return true;
}

}  // namespace longhaul::attention
