// What the selection of one sequence keeps from step to step: lists that are used again. Everything in it is keyed by
// position, so it is the same however the sequence's tokens were divided among steps, and after they were computed again.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "policy.h"

namespace longhaul::attention {

/** A list for one KV head of a layer, and the query that it was chosen for. */
struct KeptList {
  /** Position of that query; -1: there is no list. */
  int selected_at = -1;
  /** Position of the last query that the list served. */
  int used_at = -1;
  std::vector<int32_t> pages;
  /** By page; empty: all of each. */
  std::vector<uint16_t> tokens;
  /** [group][head_dim] */
  std::vector<float> query;
};

/** Sums of the keys and values [begin, end) that a mask drops, added in order. */
struct KeptSums {
  int begin = 0;
  int end = 0;
  /** Of those that the head holds. */
  int count = 0;
  /** [head_dim], as RoPE left them; empty: nothing has been summed. */
  std::vector<double> keys;
  std::vector<double> values;
};

/** Which queries of a sequence are audited (audit.h). */
struct AuditSampling {
  uint64_t key = 0;
  /** Of its queries in each layer and KV head, [0, 1]. */
  double share = 0.0;
};

/**
 * Copied by a fork. Steps of one sequence never run at the same time; within one, different (layer, KV head) pairs may be
 * used from different threads.
 */
class SequenceState {
 public:
  explicit SequenceState(std::shared_ptr<const AttentionPolicy> policy, AuditSampling audit = {})
      : policy_(std::move(policy)), audit_(audit), lists_(heads()), sums_(heads()) {}

  const AttentionPolicy& policy() const { return *policy_; }
  const AuditSampling& audit() const { return audit_; }
  KeptList& list(int layer, int kv_head) { return lists_[index_of(layer, kv_head)]; }
  KeptSums& sums(int layer, int kv_head) { return sums_[index_of(layer, kv_head)]; }

 private:
  size_t heads() const { return static_cast<size_t>(policy_->layers()) * static_cast<size_t>(policy_->kv_heads()); }
  size_t index_of(int layer, int kv_head) const { return static_cast<size_t>(layer * policy_->kv_heads() + kv_head); }

  std::shared_ptr<const AttentionPolicy> policy_;
  AuditSampling audit_;
  std::vector<KeptList> lists_;
  std::vector<KeptSums> sums_;
};

/** A sequence of a batch whose attention a policy decides. */
struct PolicySequence {
  int sequence = 0;
  std::shared_ptr<SequenceState> state;
  /** Tokens of its prompt: queries at positions from here on are decode. */
  int decode_from = 0;
};

}  // namespace longhaul::attention
