// What calibration asks of a model: a step may carry a probe, which adds up facts about the attention of its queries while
// they are computed. It changes no result, and costs nothing where a step carries none.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "../kernels.h"

namespace longhaul::attention {

/** What a probe asks; nothing of it is trusted. */
struct ProbeFacts {
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  /** How far back the keys lie whose share of the attention is asked for, at most 64 of them; none: not asked. */
  std::vector<int32_t> distances;
  /** Queries at positions below are not asked about distances. */
  int from_position = 0;
  /** Whether the products of each query with the key of its own token are asked for, dimension by dimension. */
  bool products = false;
  /** Whether sums of queries and keys before rotation are asked for. */
  bool means = false;
  /** Of antidiagonals: 4, 8 or 16; 0: what block selection keeps is not asked. */
  int stride = 0;
  /** Masses that block selection is tried with, (0, 1], at most 64; some where there is a stride. */
  std::vector<float> masses;

  void require_sound() const;
};

/** Sums over the queries so far; lists that nobody asked for are empty. Results do not depend on threads. */
struct ProbeSums {
  /** [layers] queries that were looked at, and those of them that were asked about distances. */
  std::vector<double> tokens;
  std::vector<double> far_tokens;
  /** [layers][heads][distances] share of a query's attention on the key that far back. */
  std::vector<double> distance_mass;
  /** [layers][kv_heads][head_dim] |q_d k_d| as RoPE left both, summed over the query heads; times the softmax scale in units of log2. */
  std::vector<double> products;
  /** [layers][heads][head_dim] and [layers][kv_heads][head_dim] after their norm, before rotation and scale. */
  std::vector<double> query_sums;
  std::vector<double> key_sums;
  /** [layers] blocks of 128 queries that had candidates, and the units of 128 keys that these saw. */
  std::vector<double> blocks;
  std::vector<double> units_visible;
  /** [layers][kv_heads][masses] share of the block's attention on the units chosen, and how many these were. */
  std::vector<double> mass_kept;
  std::vector<double> units_read;
};

class AttentionProbe {
 public:
  /** Throws Fault INVALID_ARGUMENT with the field as attention-types.ts spells it. */
  explicit AttentionProbe(ProbeFacts facts);

  const ProbeFacts& facts() const { return facts_; }

  /**
   * Adds what the queries of a call do. To be called between appending and executing: AttentionProblem::out holds the queries.
   * Asking about distances costs about as much as dense attention, blocks twice the products of it. Layers with a window of
   * their own have no blocks.
   */
  void observe(const AttentionProblem& problem, const KernelTable& kernels, const ParallelFor& parallel_for);

  /** A copy of the sums. Safe while a step runs. */
  ProbeSums sums() const;

 private:
  const ProbeFacts facts_;
  mutable std::mutex mutex_;
  ProbeSums sums_;
};

}  // namespace longhaul::attention
