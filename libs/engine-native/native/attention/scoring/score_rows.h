// What the scorers of every kernel level share: logits that are numbers, and running maxima with sums. Include it behind the
// level's `#pragma GCC target`; internal linkage.
#pragma once

#include <cstring>

#include "../head_basis.h"
#include "../operand.h"
#include "../quantise_row.h"
#include "../scratch.h"
#include "../tile_rows.h"
#include "score_table.h"

namespace longhaul::attention {
namespace {

/** A logit of what is not seen: below every logit, and finite, so that differences never are NaN. */
constexpr float kUnseen = -3e38f;

/** See scoring.h on what is not finite. x86 gives a maximum's or minimum's second operand where one is NaN. */
template <class V>
LONGHAUL_INLINE typename V::F bounded(typename V::F x) {
  return V::max(V::min(x, V::set1(kGreatestLogit)), V::set1(-kGreatestLogit));
}

/** A product as a logit; `softcap_log2` as in TileJob. */
template <class V>
LONGHAUL_INLINE typename V::F logit_of(typename V::F product, float softcap_log2) {
  const typename V::F x = bounded<V>(product);
  return softcap_log2 > 0.0f ? V::mul(V::set1(softcap_log2), tanh_approximation<V>(x)) : x;
}

inline float softcap_log2_of(const AttentionProblem& p) { return p.softcap > 0.0f ? p.softcap * kLog2e : 0.0f; }

inline int group_of(const AttentionProblem& p) { return p.heads / p.kv_heads; }
inline int last_position(const QueryBlock& block) { return block.first_position + block.tokens - 1; }

/** A query in the pool's basis, of the block's `token` and the group's `head`. */
inline const float* stored_query(const AttentionProblem& p, const QueryBlock& block, int token, int head) {
  const size_t row = static_cast<size_t>(block.first_token + token) * static_cast<size_t>(p.heads);
  return p.out + (row + static_cast<size_t>(block.kv_head * group_of(p) + head)) * static_cast<size_t>(p.head_dim);
}

/** The slice of the entry of block.visible. */
inline const std::byte* visible_slice(const AttentionProblem& p, const QueryBlock& block, const int32_t* pages, int entry) {
  return p.pool.slice(p.layer, pages[block.visible.at(entry)], block.kv_head);
}

/** Softmax weights so far, a row a lane: their sum, relative to 2^maximum. */
template <class V>
struct RunningSum {
  typename V::F maximum;
  typename V::F sum;

  static LONGHAUL_INLINE RunningSum none() { return {V::set1(-kGreatestLogit), V::zero()}; }

  /** Raises the maximum to `reached` where that is more. */
  LONGHAUL_INLINE void raise(typename V::F reached) {
    const typename V::F raised = V::max(maximum, reached);
    sum = V::mul(sum, exp2_approximation<V, 5>(V::sub(maximum, raised)));
    maximum = raised;
  }
  /** Adds logits that do not exceed the maximum. */
  LONGHAUL_INLINE void add(typename V::F logit) { sum = V::add(sum, exp2_approximation<V, 5>(V::sub(logit, maximum))); }
};

}  // namespace
}  // namespace longhaul::attention
