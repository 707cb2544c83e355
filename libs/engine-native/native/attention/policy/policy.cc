#include "policy.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "../../fault.h"
#include "../kv_layout.h"

namespace longhaul::attention {
namespace {

constexpr size_t kMaxPlans = 256;
constexpr int kMaxLayers = 1024;
constexpr int kMaxKvHeads = 1024;
/** e^-100 is nothing beside 1 in f32. */
constexpr float kMaxSkip = 100.0f;

/** Checks one plan; faults name its fields. */
class PlanCheck {
 public:
  PlanCheck(const HeadPlan& plan, size_t index) : plan_(plan), name_("plans[" + std::to_string(index) + "].") {}

  void run() const {
    require_numbers();
    require_unit();
    switch (plan_.rule) {
      case Rule::kAll:
        break;
      case Rule::kNone:
        require(plan_.scorer == Scorer::kNone, "scorer", "must be none: the rule none ranks nothing");
        break;
      case Rule::kTopK:
      case Rule::kTopCdf:
        require_scorer();
        break;
    }
    require(!plan_.summary || plan_.rule == Rule::kNone, "summary", "goes with the rule none alone");
  }

 private:
  void require(bool good, const char* field, const std::string& message) const {
    if (!good) throw invalid(name_ + field, message);
  }

  void require_between(const char* field, int value, int low) const {
    require(value >= low && value <= kUnbounded, field,
            "must be in [" + std::to_string(low) + ", " + std::to_string(kUnbounded) + "], got " + std::to_string(value));
  }

  void require_numbers() const {
    require_between("denseBelow", plan_.dense_below, 0);
    require_between("sinkTokens", plan_.sink_tokens, 0);
    // A window of 0 would be no window to the executors.
    require_between("windowTokens", plan_.window_tokens, plan_.rule == Rule::kNone ? 1 : 0);
    require_between("budgetTokens", plan_.budget_tokens, plan_.rule == Rule::kTopK && plan_.scorer != Scorer::kVerticalSlash ? 1 : 0);
    require_between("minUnits", plan_.min_units, 0);
    require_between("maxUnits", plan_.max_units, plan_.min_units);
    require_between("verticals", plan_.verticals, 0);
    require_between("slashes", plan_.slashes, 0);
    require_between("reuseEvery", plan_.reuse_every, 1);
    require(std::isfinite(plan_.reuse_cosine), "reuseCosine", "must be finite");
    require(plan_.rule != Rule::kTopCdf || (plan_.mass > 0.0f && plan_.mass <= 1.0f), "mass", "must be in (0, 1]");
  }

  void require_unit() const {
    const bool pages = plan_.unit_tokens >= kPageTokens && plan_.unit_tokens % kPageTokens == 0;
    require(pages || plan_.unit_tokens == 1, "unitTokens", "must be 1 or a multiple of 16, got " + std::to_string(plan_.unit_tokens));
    require(plan_.unit_tokens <= 4096, "unitTokens", "must be at most 4096");
  }

  void require_scorer() const {
    const bool tokens = plan_.scorer == Scorer::kKeys || plan_.scorer == Scorer::kLabels;
    require(plan_.scorer != Scorer::kNone, "scorer", "must not be none: the rule ranks units");
    require(tokens == (plan_.unit_tokens == 1), "unitTokens", tokens ? "must be 1: the scorer ranks tokens" : "must not be 1: the scorer ranks pages");
    require(plan_.rule != Rule::kTopCdf || plan_.scorer != Scorer::kKeyBounds, "scorer",
            "key bounds are bounds and no shares of a sum: they go with top-k");
    require(plan_.rule != Rule::kTopCdf || !tokens || plan_.head_reduce == HeadReduce::kVote, "headReduce",
            "must be vote: products with keys are no shares of a sum");
    require(plan_.bound_radius >= 0.0f && plan_.bound_radius <= 1.0f, "boundRadius", "must be in [0, 1]");
    require(plan_.scorer != Scorer::kVerticalSlash || plan_.unit_tokens == kPageTokens, "unitTokens", "must be 16: lines are cut into pages");
    if (plan_.scorer != Scorer::kAntidiagonal) return;
    require(plan_.stride == 4 || plan_.stride == 8 || plan_.stride == 16, "stride", "must be 4, 8 or 16");
    require(kBlockTokens % plan_.stride == 0 && plan_.unit_tokens % plan_.stride == 0, "stride", "must divide unitTokens");
  }

  const HeadPlan& plan_;
  const std::string name_;
};

void require_shape(const PolicyFacts& facts) {
  const auto between = [](const char* field, int value, int high) {
    if (value < 1 || value > high)
      throw invalid(field, "must be in [1, " + std::to_string(high) + "], got " + std::to_string(value));
  };
  between("layers", facts.layers, kMaxLayers);
  between("kvHeads", facts.kv_heads, kMaxKvHeads);
  if (facts.plans.empty() || facts.plans.size() > kMaxPlans)
    throw invalid("plans", "must be 1 to " + std::to_string(kMaxPlans) + " plans, got " + std::to_string(facts.plans.size()));
  if (!(facts.skip_softmax >= 0.0f && facts.skip_softmax <= kMaxSkip))
    throw invalid("skipSoftmax", "must be in [0, 100]");
}

void require_table(const PolicyFacts& facts) {
  const size_t heads = static_cast<size_t>(facts.layers) * static_cast<size_t>(facts.kv_heads);
  if (facts.table.size() != 2 * heads)
    throw invalid("table", "must have " + std::to_string(2 * heads) + " entries, one per phase, layer and KV head, got " +
                               std::to_string(facts.table.size()));
  for (size_t i = 0; i < facts.table.size(); ++i) {
    if (facts.table[i] >= facts.plans.size())
      throw invalid("table", "entry " + std::to_string(i) + " names plan " + std::to_string(facts.table[i]) + " of " +
                                 std::to_string(facts.plans.size()));
    const HeadPlan& plan = facts.plans[facts.table[i]];
    const bool prefill = i < heads;
    if (prefill && plan.has_memory())
      throw invalid("table", "entry " + std::to_string(i) + ": reuse and summaries are for decode");
    const bool of_blocks = plan.scorer == Scorer::kAntidiagonal || plan.scorer == Scorer::kVerticalSlash;
    if (!prefill && of_blocks) throw invalid("table", "entry " + std::to_string(i) + ": the scorer is for prefill");
  }
}

void require_labels(const PolicyFacts& facts) {
  const Labels& labels = facts.labels;
  const bool needed = std::any_of(facts.plans.begin(), facts.plans.end(), [](const HeadPlan& plan) { return plan.scorer == Scorer::kLabels; });
  if (needed && labels.r == 0) throw invalid("labels", "are missing: a plan ranks by labels");
  if (labels.r < 0 || labels.r > kMaxHeadDim) throw invalid("labels.r", "must be in [0, 256]");
  const size_t expected = static_cast<size_t>(facts.layers) * static_cast<size_t>(facts.kv_heads) * static_cast<size_t>(labels.r);
  if (labels.channels.size() != expected)
    throw invalid("labels.channels", "must have " + std::to_string(expected) + " entries, got " + std::to_string(labels.channels.size()));
  for (const int32_t channel : labels.channels) {
    if (channel < 0 || channel >= kMaxHeadDim) throw invalid("labels.channels", "must be dimensions of a head");
  }
}

}  // namespace

AttentionPolicy::AttentionPolicy(PolicyFacts facts) : facts_(std::move(facts)) {
  require_shape(facts_);
  for (size_t i = 0; i < facts_.plans.size(); ++i) PlanCheck(facts_.plans[i], i).run();
  require_table(facts_);
  require_labels(facts_);
}

KvChannels AttentionPolicy::needed_channels() const {
  const bool bounds = std::any_of(facts_.plans.begin(), facts_.plans.end(), [](const HeadPlan& plan) { return plan.scorer == Scorer::kKeyBounds; });
  return bounds ? KvChannels().with(KvChannel::kKeyBounds) : KvChannels();
}

}  // namespace longhaul::attention
