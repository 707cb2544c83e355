// score_key_bounds: a page's score is the product of [min(q, 0); max(q, 0)] with [least; greatest], as the pool keeps them in
// a row; each side has a part of the other where the plan wants less than the whole bound. Sums of as many rows and pages as a vector has lanes are formed at a time, and then added across lanes together.
// Include it behind the level's `#pragma GCC target`, after lane_sums.h; internal linkage.
#pragma once

#include "head_reducer.h"
#include "lane_sums.h"

namespace longhaul::attention {
namespace {

constexpr int kBoundRows = 8;
/**
 * Places of the list that are read side by side: one alone does not keep a memory busy. And how many pages ahead bounds are
 * asked for: the processor's own prefetching ends where pages end to lie in a row.
 */
constexpr int kStreams = 4;
constexpr int kBoundsAhead = 8;

template <class V>
class BoundsScorer {
 public:
  BoundsScorer(const ScoreJob& job, const PageList& candidates, HeadReduce reduce)
      : problem_(job.problem), block_(job.block), candidates_(candidates), count_(static_cast<size_t>(candidates.size())), reduce_(reduce),
        pages_(problem_.page_row(block_.sequence, block_.kv_head)), lines_(problem_.head_dim / kLanes), softcap_log2_(softcap_log2_of(problem_)) {
    const size_t padded = padded_units(count_);
    Carver carver(thread_scratch((kBoundRows + 1) * Carver::rounded(padded * 4) + Carver::rounded(kBoundRows * query_floats() * 4)));
    scores_ = carver.template take<float>(padded);
    for (float*& row : logits_) row = carver.template take<float>(padded);
    queries_ = carver.template take<float>(kBoundRows * query_floats());
  }

  void run(float* out) {
    HeadReducer<V> reducer(reduce_, count_, scores_);
    const int rows = block_.tokens * group_of(problem_);
    for (int first = 0; first < rows; first += kBoundRows) {
      const int count = rows - first < kBoundRows ? rows - first : kBoundRows;
      with_rows<kBoundRows>(count, [&](auto rows_of) { score_rows<rows_of()>(first); });
      for (int r = 0; r < count; ++r) reducer.add(logits_[r]);
    }
    std::memcpy(out, scores_, count_ * sizeof *out);
  }

 private:
  using F = typename V::F;
  static constexpr int kLanes = V::kLanes;

  size_t query_floats() const { return 2 * static_cast<size_t>(problem_.head_dim); }

  /** Logits of NR rows from `first` on, as many pages at a time as fill a vector of sums. */
  template <int NR>
  void score_rows(int first) {
    constexpr int NP = kLanes / NR;
    for (int r = 0; r < NR; ++r) pack_query<NR>(first + r, r);
    const int steps = (candidates_.size() + NP - 1) / NP;
    const int length = (steps + kStreams - 1) / kStreams;
    for (int at = 0; at < length; ++at) {
      for (int step = at; step < steps; step += length) score_pages<NR, NP>(step * NP);
    }
    for (int r = 0; r < NR; ++r) {
      for (size_t i = count_; i < padded_units(count_); ++i) logits_[r][i] = kUnseen;
    }
  }

  template <int NR, int NP>
  LONGHAUL_INLINE void score_pages(int page) {
    const int last = candidates_.size() - 1;
    const std::byte* bounds[NP];
#pragma GCC unroll 16
    for (int p = 0; p < NP; ++p) {
      bounds[p] = bounds_of(page + p < last ? page + p : last);
      if (page + p + kBoundsAhead > last) continue;
      const std::byte* ahead = bounds_of(page + p + kBoundsAhead);
      for (int at = 0; at < 4 * problem_.head_dim; at += static_cast<int>(kLine)) __builtin_prefetch(ahead + at, 0, 3);
    }
    alignas(64) float sums[kLanes];
    V::store(sums, logit_of<V>(multiply<NR, NP>(bounds), softcap_log2_));
    const int kept = page + NP - 1 <= last ? NP : last - page + 1;
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
      if (kept == NP) std::memcpy(logits_[r] + page, sums + r * NP, NP * sizeof(float));
      else std::memcpy(logits_[r] + page, sums + r * NP, static_cast<size_t>(kept) * sizeof(float));
    }
  }

  const std::byte* bounds_of(int candidate) const {
    const int page = pages_[candidates_.at(candidates_.begin + candidate)];
    return reinterpret_cast<const std::byte*>(problem_.pool.key_bounds(problem_.layer, page, block_.kv_head).least);
  }

  /** Lays a query out as [line][row][2][kLanes], as bounds come in pairs; NaN goes to both sides. */
  template <int NR>
  void pack_query(int row, int r) {
    alignas(64) float query[kMaxHeadDim];
    const int dim = problem_.head_dim;
    std::memcpy(query, stored_query(problem_, block_, row / group_of(problem_), row % group_of(problem_)), static_cast<size_t>(dim) * 4);
    if (traits_of(problem_.pool.dtype).rotated) rotate_head(query, dim);
    const BoundWeights weights = bound_weights(block_);
    for (int i = 0; i < 2 * dim; ++i) {
      const float q = query[i % dim];
      const float side = q * ((q > 0.0f) == (i >= dim) ? weights.near : weights.far);
      const int line = i / (2 * kLanes), lane = i % (2 * kLanes);
      queries_[((line * NR + r) * 2 + lane % 2) * kLanes + lane / 2] = side;
    }
  }

  /** Lane r * NP + p: the product of row r with page p. */
  template <int NR, int NP>
  LONGHAUL_INLINE F multiply(const std::byte* const (&bounds)[NP]) const {
    F acc[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) acc[i] = V::zero();
    const float* q = queries_;
    for (int line = 0; line < lines_; ++line, q += NR * 2 * kLanes) {
      const size_t offset = static_cast<size_t>(line) * kLanes * 4;
#pragma GCC unroll 2
      for (int odd = 0; odd < 2; ++odd) {
        F side[NP];
#pragma GCC unroll 16
        for (int p = 0; p < NP; ++p) side[p] = odd == 0 ? V::pair_low(bounds[p] + offset) : V::pair_high(bounds[p] + offset);
#pragma GCC unroll 8
        for (int r = 0; r < NR; ++r) {
          const F x = V::load(q + (2 * r + odd) * kLanes);
#pragma GCC unroll 16
          for (int p = 0; p < NP; ++p) V::accumulate(acc[r * NP + p], x, side[p]);
        }
      }
    }
    return LaneSums<V>::of_rows(acc);
  }

  const AttentionProblem& problem_;
  const QueryBlock& block_;
  const PageList candidates_;
  const size_t count_;
  const HeadReduce reduce_;
  const int32_t* pages_;
  const int lines_;
  const float softcap_log2_;
  float* scores_;
  float* logits_[kBoundRows];
  float* queries_;
};

template <class V>
void score_key_bounds_of(const ScoreJob& job, const PageList& candidates, HeadReduce reduce, float* out) {
  if (candidates.size() == 0) return;
  BoundsScorer<V> scorer(job, candidates, reduce);
  scorer.run(out);
}

}  // namespace
}  // namespace longhaul::attention
