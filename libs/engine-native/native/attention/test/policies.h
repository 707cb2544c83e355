// Policies for tests: plans by hand, and sequences that have them. Test support.
#pragma once

#include <memory>
#include <vector>

#include "case.h"

namespace longhaul::test {

using attention::AttentionPolicy;
using attention::HeadPlan;
using attention::Phase;
using attention::PolicySequence;
using attention::Rule;
using attention::SequenceState;

inline HeadPlan mask_plan(int sink, int window) {
  HeadPlan plan;
  plan.rule = Rule::kNone;
  plan.sink_tokens = sink;
  plan.window_tokens = window;
  return plan;
}

inline HeadPlan dense_plan() { return {}; }

/** A policy for Runner's layers: plan 0 for prefill of KV head 0, and so on by head, then those for decode. */
inline std::shared_ptr<const AttentionPolicy> policy_of(const Shape& shape, std::vector<HeadPlan> prefill, std::vector<HeadPlan> decode,
                                                        float skip_softmax = 0.0f, attention::Labels labels = {}) {
  attention::PolicyFacts facts;
  facts.labels = std::move(labels);
  facts.layers = Runner::kLayers;
  facts.kv_heads = shape.kv_heads;
  facts.skip_softmax = skip_softmax;
  for (const std::vector<HeadPlan>* plans : {&prefill, &decode}) {
    const auto first = static_cast<uint8_t>(facts.plans.size());
    for (int layer = 0; layer < facts.layers; ++layer) {
      for (int head = 0; head < shape.kv_heads; ++head) {
        facts.table.push_back(static_cast<uint8_t>(first + static_cast<size_t>(head) % plans->size()));
      }
    }
    facts.plans.insert(facts.plans.end(), plans->begin(), plans->end());
  }
  return std::make_shared<const AttentionPolicy>(std::move(facts));
}

inline PolicySequence under(std::shared_ptr<const AttentionPolicy> policy, int sequence, int decode_from) {
  return {sequence, std::make_shared<SequenceState>(std::move(policy)), decode_from};
}

/** The tokens [begin, end) of a world of one sequence, in chunks. */
inline std::vector<float> in_chunks_of(Runner& runner, int begin, int end, int chunk) {
  std::vector<float> all;
  for (int from = begin; from < end; from += chunk) {
    const std::vector<float> part = runner.run({from}, {std::min(end, from + chunk)}, 1);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace longhaul::test
