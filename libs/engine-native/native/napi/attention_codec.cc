#include "attention_codec.h"

#include <span>

#include "arguments.h"

namespace longhaul::napi {
namespace {

using namespace attention;

template <class T>
struct Word {
  const char* text;
  T value;
};

constexpr Word<Rule> kRules[] = {
    {"all", Rule::kAll}, {"none", Rule::kNone}, {"top-k", Rule::kTopK}, {"top-cdf", Rule::kTopCdf}};
constexpr Word<Scorer> kScorers[] = {{"none", Scorer::kNone},
                                     {"key-bounds", Scorer::kKeyBounds},
                                     {"antidiagonal", Scorer::kAntidiagonal},
                                     {"vertical-slash", Scorer::kVerticalSlash},
                                     {"keys", Scorer::kKeys},
                                     {"labels", Scorer::kLabels}};
constexpr Word<HeadReduce> kReduces[] = {{"max", HeadReduce::kMax}, {"sum", HeadReduce::kSum}, {"vote", HeadReduce::kVote}};

template <class T, size_t N>
T word_field(const Napi::Object& object, const char* name, const Word<T> (&words)[N]) {
  const std::string text = string_field(object, name);
  std::string known;
  for (const Word<T>& word : words) {
    if (text == word.text) return word.value;
    known += (known.empty() ? "" : ", ") + std::string(word.text);
  }
  throw invalid(name, "must be one of " + known);
}

HeadPlan read_plan(const Napi::Object& from) {
  HeadPlan plan;
  plan.dense_below = int32_field(from, "denseBelow");
  plan.rule = word_field(from, "rule", kRules);
  plan.sink_tokens = int32_field(from, "sinkTokens");
  plan.window_tokens = int32_field(from, "windowTokens");
  plan.unit_tokens = int32_field(from, "unitTokens");
  plan.scorer = word_field(from, "scorer", kScorers);
  plan.stride = int32_field(from, "stride");
  plan.head_reduce = word_field(from, "headReduce", kReduces);
  plan.bound_radius = static_cast<float>(number_field(from, "boundRadius"));
  plan.budget_tokens = int32_field(from, "budgetTokens");
  plan.mass = static_cast<float>(number_field(from, "mass"));
  plan.min_units = int32_field(from, "minUnits");
  plan.max_units = int32_field(from, "maxUnits");
  plan.verticals = int32_field(from, "verticals");
  plan.slashes = int32_field(from, "slashes");
  plan.reuse_every = int32_field(from, "reuseEvery");
  plan.reuse_cosine = static_cast<float>(number_field(from, "reuseCosine"));
  plan.summary = bool_field(from, "summary");
  return plan;
}

std::vector<HeadPlan> read_plans(const Napi::Object& policy) {
  const Napi::Array list = array_field(policy, "plans");
  std::vector<HeadPlan> plans;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value entry = list.Get(i);
    if (!entry.IsObject()) throw invalid("plans", "must hold objects");
    try {
      plans.push_back(read_plan(entry.As<Napi::Object>()));
    } catch (const Fault& fault) {
      const std::string where = "plans[" + std::to_string(i) + "].";
      throw Fault(fault.kind, where + fault.what(), where + fault.field);
    }
  }
  return plans;
}

Labels read_labels(const Napi::Object& policy) {
  const Napi::Value value = policy.Get("labels");
  if (value.IsNull() || value.IsUndefined()) return {};
  if (!value.IsObject()) throw invalid("labels", "must be an object or null");
  const Napi::Object labels = value.As<Napi::Object>();
  return {copied_field<int32_t>(labels, "channels"), int32_field(labels, "r")};
}

}  // namespace

PolicyFacts read_policy(const Napi::Object& policy) {
  PolicyFacts facts;
  facts.layers = int32_field(policy, "layers");
  facts.kv_heads = int32_field(policy, "kvHeads");
  facts.plans = read_plans(policy);
  facts.table = copied_field<uint8_t>(policy, "table");
  facts.skip_softmax = static_cast<float>(number_field(policy, "skipSoftmax"));
  facts.labels = read_labels(policy);
  return facts;
}

}  // namespace longhaul::napi
