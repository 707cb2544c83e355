// The softmax between the two products of a tile over a pool of floats: what is done to a row of logits, whoever computed
// them. Include it behind the level's `#pragma GCC target`.
#pragma once

#include "fetcher.h"
#include "operand.h"
#include "tile_rows.h"

namespace longhaul::attention {
namespace {

/** Floats of a row of logits: a block of keys, and padding so that rows do not fall into the same cache sets. */
constexpr int kLogitStride = kMaxBlockPages * kPageTokens + 16;
/** Instructions of the softmax of a vector of logits, about. */
constexpr int kSoftmaxWork = 20;

/** The rows of a tile, and logits and probabilities of up to kBlockRows of them over one key block. */
template <class Op, int kBlockRows>
struct SoftmaxRows : TileRows<typename Op::V> {
  using V = typename Op::V;
  using F = typename Op::F;
  using A = typename Op::A;
  /** Vectors of the 16 columns of one page's K tile. */
  static constexpr int kVectorsPerPage = kPageTokens / V::kLanes;
  /** Left-operand elements of one row of probabilities. */
  static constexpr int kProbabilityStride = kLogitStride * Op::kPerStep / Op::kTokensPerStep;

  using Rows = TileRows<V>;
  using Rows::job;
  using Rows::maxima;
  using Rows::sums;

  float* logits;
  A* probabilities;

  using Rows::Rows;

  /** Bytes that `carve` takes. */
  size_t carved_bytes() const { return Rows::carved_bytes() + Carver::rounded(kLogits * 4) + Carver::rounded(kWeights * sizeof(A)); }

  void carve(Carver& carver) {
    Rows::carve(carver);
    logits = carver.take<float>(kLogits);
    probabilities = carver.take<A>(kWeights);
  }

  /** Caps the logits of the pages [begin, end), and masks what a row does not see. */
  void bound_logits(const KeyBlock& keys, int first, int count, int begin, int end) {
    if (job.softcap_log2 > 0.0f) cap_logits(count, begin, end);
    for (int page = begin; page < end; ++page) {
      if (Rows::needs_mask(keys, page, first, count)) mask_page(keys, page, first, count);
    }
  }

  void cap_logits(int count, int begin, int end) {
    const F cap = V::set1(job.softcap_log2);
    for (int r = 0; r < count; ++r) {
      float* row = logits + r * kLogitStride;
      for (int i = begin * kPageTokens; i < end * kPageTokens; i += V::kLanes) {
        V::store(row + i, V::mul(cap, tanh_approximation<V>(V::load(row + i))));
      }
    }
  }

  void mask_page(const KeyBlock& keys, int page, int first, int count) {
    const F masked = V::set1(kMasked);
    for (int r = 0; r < count; ++r) {
      const unsigned seen = Rows::seen_tokens(keys, page, first + r);
      float* row = logits + r * kLogitStride + page * kPageTokens;
      for (int i = 0; i < kPageTokens; i += V::kLanes) V::store(row + i, V::keep_lanes(V::load(row + i), seen >> i, masked));
    }
  }

  /** The rows, first + r in bit r, to which the pages [begin, end) do not matter: see TileJob::skip_log2. */
  uint32_t skipped_rows(int first, int count, int begin, int end) const {
    if (!(job.skip_log2 > 0.0f)) return 0;
    uint32_t skipped = 0;
    for (int r = 0; r < count; ++r) {
      const float* row = logits + r * kLogitStride;
      F top = V::set1(kMasked);
      for (int i = begin * kPageTokens; i < end * kPageTokens; i += V::kLanes) top = V::max(top, fault_on_top<V>(V::load(row + i)));
      const bool matters = V::reduce_max(top) >= maxima[first + r] - job.skip_log2 - 1.0f;
      skipped |= (matters ? 0u : 1u) << r;
    }
    return skipped;
  }

  /** In place of soften_row: the row adds zeros. */
  F skip_row(int r, int begin, int end) {
    A* to = probabilities_of(r);
    for (int i = begin * kPageTokens; i < end * kPageTokens; i += V::kLanes) Op::store(to, i, V::zero());
    return V::set1(1.0f);
  }

  /**
   * Turns a row of logits into probabilities relative to the running maximum; returns the decay of what came before.
   */
  template <bool kPrefetch>
  LONGHAUL_INLINE F soften_row(int row, int r, int begin, int end, Fetcher& fetcher) {
    const float* from = logits + r * kLogitStride;
    A* to = probabilities_of(r);
    F top = V::set1(maxima[row]);
    F top2 = top;
    for (int i = begin * kPageTokens; i < end * kPageTokens; i += 16) {
      top = V::max(top, V::load(from + i));
      if constexpr (V::kLanes == 8) top2 = V::max(top2, V::load(from + i + 8));
    }
    // A whole number: scaling by a power of two is exact, so neither the decay nor the rounding of probabilities to
    // bf16 depends on where the list is cut into blocks.
    const float maximum = __builtin_ceilf(V::reduce_max(V::max(top, top2)));
    const F shift = V::set1(maximum);
    const F decay = V::scale_exp2(V::set1(1.0f), V::set1(maxima[row] - maximum));
    F sum = V::zero();
    for (int i = begin * kPageTokens; i < end * kPageTokens; i += V::kLanes) {
      if constexpr (kPrefetch) fetcher.advance(kSoftmaxWork);
      const F p = exp2_approximation<V, Op::kPolynomial>(V::sub(V::load(from + i), shift));
      sum = V::add(sum, p);
      Op::store(to, i, p);
    }
    maxima[row] = maximum;
    float decay_lanes[V::kLanes];
    V::store(decay_lanes, decay);
    sums[row] = sums[row] * decay_lanes[0] + V::reduce_add(sum);
    return decay;
  }

  A* probabilities_of(int r) { return probabilities + r * kProbabilityStride; }

 private:
  static constexpr size_t kLogits = static_cast<size_t>(kBlockRows) * kLogitStride;
  static constexpr size_t kWeights = static_cast<size_t>(kBlockRows) * kProbabilityStride;
};

}  // namespace
}  // namespace longhaul::attention
