// Brings logits of several heads to one score a unit, see HeadReduce. Include it behind the level's `#pragma GCC target`;
// internal linkage.
#pragma once

#include "score_rows.h"

namespace longhaul::attention {
namespace {

/** Logits of a row, rounded up to whole cache lines; what is behind them must be kUnseen. */
constexpr size_t padded_units(size_t units) { return (units + 15) / 16 * 16; }

template <class V>
class HeadReducer {
 public:
  /** @param scores [padded_units(units)], written. */
  HeadReducer(HeadReduce reduce, size_t units, float* scores) : reduce_(reduce), padded_(padded_units(units)), scores_(scores) {}

  /** Adds a row of logits, padded; a vote uses it up. */
  void add(float* logits) {
    if (reduce_ == HeadReduce::kVote) soften(logits);
    for (size_t i = 0; i < padded_; i += V::kLanes) {
      const F x = V::load(logits + i);
      V::store(scores_ + i, first_ ? x : reduce_ == HeadReduce::kMax ? V::max(V::load(scores_ + i), x) : V::add(V::load(scores_ + i), x));
    }
    first_ = false;
  }

 private:
  using F = typename V::F;

  void soften(float* logits) const {
    F top = V::set1(-kGreatestLogit);
    for (size_t i = 0; i < padded_; i += V::kLanes) top = V::max(top, V::load(logits + i));
    const F shift = V::set1(V::reduce_max(top));
    F sum = V::zero();
    for (size_t i = 0; i < padded_; i += V::kLanes) {
      const F x = exp2_approximation<V, 5>(V::sub(V::load(logits + i), shift));
      V::store(logits + i, x);
      sum = V::add(sum, x);
    }
    const float total = V::reduce_add(sum);
    const F factor = V::set1(total > 0.0f ? 1.0f / total : 0.0f);
    for (size_t i = 0; i < padded_; i += V::kLanes) V::store(logits + i, V::mul(V::load(logits + i), factor));
  }

  const HeadReduce reduce_;
  const size_t padded_;
  float* scores_;
  bool first_ = true;
};

}  // namespace
}  // namespace longhaul::attention
