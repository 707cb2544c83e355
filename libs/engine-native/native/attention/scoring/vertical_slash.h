// score_vertical_slash: the products with all keys twice, first for each row's maximum and sum of exponentials, then for the
// sums over rows. Include it behind the level's `#pragma GCC target`; internal linkage.
#pragma once

#include <algorithm>

#include "token_products.h"

namespace longhaul::attention {
namespace {

template <class Products>
class VerticalSlash {
 public:
  explicit VerticalSlash(const ScoreJob& job)
      : problem_(job.problem), block_(job.block), group_(group_of(problem_)),
        tokens_(block_.tokens < kVerticalSlashQueries ? block_.tokens : kVerticalSlashQueries), rows_(tokens_ * group_),
        steps_(KeySteps::of(problem_.head_dim, Products::kDims, nullptr, 0)), range_(visible_tokens(block_)),
        softcap_log2_(softcap_log2_of(problem_)) {
    const size_t rows = static_cast<size_t>(rows_);
    const size_t packed = static_cast<size_t>(blocks()) * packed_block();
    const size_t sums = static_cast<size_t>(range_.size() + kVerticalSlashQueries + kPageTokens);
    Carver carver(thread_scratch(Carver::rounded(rows * 4) + Carver::rounded(rows * kLanes * 4) + Carver::rounded(packed) +
                                 Carver::rounded(static_cast<size_t>(kRows) * kStride * 4) + Carver::rounded(sums * 4)));
    maxima_ = carver.template take<float>(rows);
    lane_sums_ = carver.template take<float>(rows * kLanes);
    packed_ = carver.template take<std::byte>(packed);
    logits_ = carver.template take<float>(static_cast<size_t>(kRows) * kStride);
    diagonals_ = carver.template take<float>(sums);
    std::memset(lane_sums_, 0, rows * kLanes * 4);
    std::memset(diagonals_, 0, sums * 4);
    std::fill_n(maxima_, rows, -kGreatestLogit);
    for (int i = 0; i < blocks(); ++i) pack_block(i);
  }

  void run(float* columns, float* diagonals) {
    if (range_.size() == 0) return;
    std::memset(columns, 0, static_cast<size_t>(range_.size()) * 4);
    for_each_run([&](int row, int first, int count) { sum_exponentials(row, first, count); });
    for (int row = 0; row < rows_; ++row) {
      const float sum = V::reduce_add(V::load(lane_sums_ + row * kLanes));
      lane_sums_[row * kLanes] = sum > 0.0f ? 1.0f / sum : 0.0f;
    }
    for_each_run([&](int row, int first, int count) { add_weights(row, first, count, columns); });
    const int nearest = last_position(block_) - range_.begin;
    for (int distance = 0; distance < range_.size(); ++distance) {
      diagonals[distance] = distance <= nearest ? diagonals_[nearest - distance] : 0.0f;
    }
  }

 private:
  using V = typename Products::V;
  using F = typename V::F;
  static constexpr int kLanes = V::kLanes;
  static constexpr int kRows = Products::kRows;
  /** Pages that are multiplied at a time, and the floats of a row of their logits. */
  static constexpr int kRun = 16;
  static constexpr int kStride = kRun * kPageTokens + 16;

  int blocks() const { return (rows_ + kRows - 1) / kRows; }
  int rows_of(int block) const { return rows_ - block * kRows < kRows ? rows_ - block * kRows : kRows; }
  size_t packed_block() const { return kRows * Products::row_bytes(problem_.head_dim); }
  int position_of(int row) const { return last_position(block_) - tokens_ + 1 + row / group_; }

  void pack_block(int block) {
    const float* queries[kRows];
    for (int r = 0; r < rows_of(block); ++r) {
      const int row = block * kRows + r;
      queries[r] = stored_query(problem_, block_, block_.tokens - tokens_ + row / group_, row % group_);
    }
    Products::pack(problem_.pool, steps_, queries, rows_of(block), packed_ + static_cast<size_t>(block) * packed_block());
  }

  /** Calls body(row, first token, tokens) with the row's logits in its row of logits_, for all rows and runs of pages. */
  template <class Body>
  void for_each_run(const Body& body) {
    const int32_t* pages = problem_.page_row(block_.sequence, block_.kv_head);
    const std::byte* slices[kRun];
    for (int entry = block_.visible.begin; entry < block_.visible.end;) {
      const int first = block_.visible.at(entry);
      int count = 0;
      for (; entry < block_.visible.end && count < kRun && block_.visible.at(entry) == first + count; ++entry) {
        slices[count++] = visible_slice(problem_, block_, pages, entry);
      }
      for (int block = 0; block < blocks(); ++block) {
        const std::byte* packed = packed_ + static_cast<size_t>(block) * packed_block();
        with_rows<kRows>(rows_of(block), [&](auto rows) {
          Products::template multiply<rows()>(problem_.pool, steps_, packed, slices, count, logits_, kStride);
        });
        for (int r = 0; r < rows_of(block); ++r) {
          finish_logits(block * kRows + r, first * kPageTokens, count * kPageTokens, logits_ + r * kStride);
          body(block * kRows + r, first * kPageTokens, count * kPageTokens);
        }
      }
    }
  }

  void finish_logits(int row, int first, int count, float* logits) const {
    for (int i = 0; i < count; i += kLanes) V::store(logits + i, logit_of<V>(V::load(logits + i), softcap_log2_));
    const int newest = position_of(row) - first;
    const int oldest = problem_.window > 0 ? newest - problem_.window + 1 : 0;
    for (int i = 0; i < count && i < oldest; ++i) logits[i] = kUnseen;
    for (int i = newest < 0 ? 0 : newest + 1; i < count; ++i) logits[i] = kUnseen;
  }

  float* logits_of(int row) const { return logits_ + row % kRows * kStride; }

  void sum_exponentials(int row, int, int count) {
    const float* logits = logits_of(row);
    F top = V::set1(maxima_[row]);
    for (int i = 0; i < count; i += kLanes) top = V::max(top, V::load(logits + i));
    RunningSum<V> sum{V::set1(maxima_[row]), V::load(lane_sums_ + row * kLanes)};
    maxima_[row] = V::reduce_max(top);
    sum.raise(V::set1(maxima_[row]));
    for (int i = 0; i < count; i += kLanes) sum.add(V::load(logits + i));
    V::store(lane_sums_ + row * kLanes, sum.sum);
  }

  /** lane_sums_ begin with the factor of the row's weights by now. */
  void add_weights(int row, int first, int count, float* columns) {
    const float* logits = logits_of(row);
    const F shift = V::set1(maxima_[row]);
    const F factor = V::set1(lane_sums_[row * kLanes]);
    float* column = columns + (first - range_.begin);
    float* diagonal = diagonals_ + (first - range_.begin) + (last_position(block_) - position_of(row));
    for (int i = 0; i < count; i += kLanes) {
      const F weight = V::mul(exp2_approximation<V, 5>(V::sub(V::load(logits + i), shift)), factor);
      V::store(column + i, V::add(V::load(column + i), weight));
      V::store(diagonal + i, V::add(V::load(diagonal + i), weight));
    }
  }

  const AttentionProblem& problem_;
  const QueryBlock& block_;
  const int group_;
  /** Queries that count, and rows: (query, head) pairs. */
  const int tokens_;
  const int rows_;
  const KeySteps steps_;
  const TokenRange range_;
  const float softcap_log2_;
  float* maxima_;
  /** [row][kLanes] */
  float* lane_sums_;
  std::byte* packed_;
  float* logits_;
  /** By key, from range_.begin on, plus how far the query is from the last one. */
  float* diagonals_;
};

template <class Products>
void score_vertical_slash_of(const ScoreJob& job, float* columns, float* diagonals) {
  VerticalSlash<Products> scorer(job);
  scorer.run(columns, diagonals);
}

}  // namespace
}  // namespace longhaul::attention
