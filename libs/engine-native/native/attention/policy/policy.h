// A policy as it was compiled for one model: which head plan each KV head of each layer has, in each phase.
#pragma once

#include <cstdint>
#include <vector>

#include "../kv_metadata.h"
#include "head_plan.h"

namespace longhaul::attention {

/** Channels of keys that stand in for them when tokens are ranked (Double Sparsity); r of 0: none. */
struct Labels {
  /** [layers][kv_heads][r] dimensions. */
  std::vector<int32_t> channels;
  int r = 0;
};

/** What AttentionPolicy is made of; nothing of it is trusted. */
struct PolicyFacts {
  int layers = 0;
  int kv_heads = 0;
  std::vector<HeadPlan> plans;
  /** [2][layers][kv_heads] of `plans`; prefill first. */
  std::vector<uint8_t> table;
  /** How far below the largest logit of a row a key block does not matter to it, natural logarithm; 0: none is skipped. */
  float skip_softmax = 0.0f;
  Labels labels;
};

/** Immutable and shared: by the sequences of a policy, and by threads. */
class AttentionPolicy {
 public:
  /** Throws Fault INVALID_ARGUMENT with the field as addon-types.ts spells it, for example `plans[2].unitTokens`. */
  explicit AttentionPolicy(PolicyFacts facts);

  int layers() const { return facts_.layers; }
  int kv_heads() const { return facts_.kv_heads; }
  float skip_softmax() const { return facts_.skip_softmax; }
  const Labels& labels() const { return facts_.labels; }

  const HeadPlan& plan(Phase phase, int layer, int kv_head) const {
    const int row = static_cast<int>(phase) * facts_.layers + layer;
    return facts_.plans[facts_.table[static_cast<size_t>(row * facts_.kv_heads + kv_head)]];
  }

  /** What the pool has to keep for the scorers. */
  KvChannels needed_channels() const;

 private:
  const PolicyFacts facts_;
};

}  // namespace longhaul::attention
