// score_antidiagonal: queries are laid out as the pool lays out keys, those of a group of positions in falling order, so
// that lane r of a sum is q_{S-1-r}·k_r and a page costs one flat product per group of queries, whatever the stride; sums
// across lanes then give 16 / S logits. One pass: each unit keeps its sum of exponentials relative to the maximum of its
// time. Include it behind the level's `#pragma GCC target`, after flat_dot.h and lane_sums.h.
#pragma once

#include "../fetcher.h"
#include "flat_dot.h"
#include "lane_sums.h"
#include "score_rows.h"

namespace longhaul::attention {
namespace {

/** Pages of a unit that are multiplied between two updates of the softmax. */
constexpr int kPiecePages = 8;

/** A row is a group of queries of one head; kLanes of them are a row block. */
template <class Op>
class Antidiagonal {
 public:
  Antidiagonal(const ScoreJob& job, int stride, int unit_tokens)
      : problem_(job.problem), block_(job.block), stride_(stride), unit_tokens_(unit_tokens), units_(visible_units(block_, unit_tokens)),
        first_group_(block_.first_position / stride), group_(group_of(problem_)),
        rows_((last_position(block_) / stride - first_group_ + 1) * group_), row_blocks_((rows_ + kLanes - 1) / kLanes),
        tile_(static_cast<size_t>(kPageTokens) * static_cast<size_t>(problem_.head_dim) * Op::kStepQueries / (V::kLanes * Op::kDims)),
        softcap_log2_(softcap_log2_of(problem_)) {
    carve();
    for (int row = 0; row < rows_; ++row) pack_row(row);
  }

  void run(float* out) {
    Piece piece, next;
    const int32_t* pages = problem_.page_row(block_.sequence, block_.kv_head);
    gather(block_.visible.begin, pages, piece);
    while (piece.keys.count > 0) {
      gather(piece.end, pages, next);
      announce(next, piece.keys);
      Fetcher fetcher(piece.keys, 0, next.keys.count, key_tile_bytes(problem_.pool.dtype, problem_.head_dim), steps_of(piece), next.keys.count > 0);
      for (int i = 0; i < row_blocks_; ++i) score_block(piece, i, fetcher);
      piece = next;
    }
    add_up(out);
  }

 private:
  using V = typename Op::V;
  using F = typename V::F;
  using Query = typename Op::Query;
  static constexpr int kLanes = V::kLanes;
  static constexpr int kHalves = kPageTokens / kLanes;

  /** Pages of one unit, and the entry of the list that follows. */
  struct Piece {
    KeyBlock keys;
    int unit;
    int end;
  };

  void carve() {
    const size_t blocks = static_cast<size_t>(row_blocks_);
    const size_t padded = blocks * kLanes;
    const size_t sums = blocks * static_cast<size_t>(units_.size()) * kLanes;
    const size_t products = static_cast<size_t>(kPiecePages) * kLanes * kPageTokens;
    Carver carver(thread_scratch(Carver::rounded(padded * tile_ * sizeof(Query)) + Carver::rounded(padded * kPageTokens * 4) +
                                 Carver::rounded(padded * 4) + 2 * Carver::rounded(sums * 4) + 2 * Carver::rounded(products * 4)));
    queries_ = carver.template take<Query>(padded * tile_);
    starts_ = carver.template take<int32_t>(padded * kPageTokens);
    factors_ = carver.template take<float>(padded);
    maxima_ = carver.template take<float>(sums);
    sums_ = carver.template take<float>(sums);
    products_ = carver.template take<float>(products);
    logits_ = carver.template take<float>(products);
    std::memset(queries_, 0, padded * tile_ * sizeof(Query));
    std::memset(starts_, 0, padded * kPageTokens * 4);
    std::memset(factors_, 0, padded * 4);
    std::memset(sums_, 0, sums * 4);
    for (size_t i = 0; i < sums; ++i) maxima_[i] = -kGreatestLogit;
  }

  int query_group(int row) const { return first_group_ + row / group_; }

  /** Repeats the queries of a group, in falling order, over the tokens of a page; zeros where the block has none. */
  void pack_row(int row) {
    alignas(64) float queries[kPageTokens * kMaxHeadDim];
    const int dim = problem_.head_dim;
    for (int r = 0; r < stride_; ++r) {
      const int token = query_group(row) * stride_ + stride_ - 1 - r - block_.first_position;
      const bool there = token >= 0 && token < block_.tokens;
      if (there) std::memcpy(queries + r * dim, stored_query(problem_, block_, token, row % group_), static_cast<size_t>(dim) * 4);
      else std::memset(queries + r * dim, 0, static_cast<size_t>(dim) * 4);
    }
    factors_[row] = 1.0f / static_cast<float>(stride_);
    if constexpr (Op::kScaled) {
      alignas(64) int8_t bytes[kPageTokens * kMaxHeadDim];
      factors_[row] *= quantise_row(queries, stride_ * dim, bytes);
      for (int t = 0; t < kPageTokens; ++t) {
        pack_token(row, t, bytes + t % stride_ * dim);
        int32_t sum = 0;
        for (int d = 0; d < dim; ++d) sum += bytes[t % stride_ * dim + d];
        starts_[row * kPageTokens + t] = -128 * sum;
      }
    } else {
      for (int t = 0; t < kPageTokens; ++t) pack_token(row, t, queries + t % stride_ * dim);
    }
  }

  template <class T>
  void pack_token(int row, int token, const T* query) {
    const size_t rows = Op::kRows;
    Query* to = queries_ + static_cast<size_t>(row) / rows * rows * tile_ + static_cast<size_t>(token / kLanes) * (rows * tile_ / kHalves) +
                static_cast<size_t>(row) % rows * Op::kStepQueries;
    for (int d = 0; d < problem_.head_dim; d += Op::kDims, to += rows * Op::kStepQueries) Op::pack(to, token % kLanes, query + d);
  }

  void gather(int entry, const int32_t* pages, Piece& piece) const {
    KeyBlock& keys = piece.keys;
    keys.count = 0;
    for (piece.end = entry; piece.end < block_.visible.end && keys.count < kPiecePages; ++piece.end) {
      const int logical = block_.visible.at(piece.end);
      const int unit = logical * kPageTokens / unit_tokens_;
      if (keys.count > 0 && unit != piece.unit) return;
      piece.unit = unit;
      keys.logical[keys.count] = logical;
      keys.slice[keys.count++] = visible_slice(problem_, block_, pages, piece.end);
    }
  }

  /** Says which keys are fetched while those at hand are multiplied; asks for their scales at once, which lie apart. */
  void announce(const Piece& next, KeyBlock& keys) const {
    for (int page = 0; page < next.keys.count; ++page) {
      keys.next[page] = next.keys.slice[page];
      if constexpr (Op::kScaled) __builtin_prefetch(&scales_of(next.keys.slice[page], problem_.head_dim), 0, 2);
    }
  }

  /** What Fetcher counts of a piece. */
  size_t steps_of(const Piece& piece) const {
    const size_t rows = static_cast<size_t>((rows_ + Op::kRows - 1) / Op::kRows);
    const size_t pages = static_cast<size_t>(piece.keys.count / Op::kPages + piece.keys.count % Op::kPages);
    return rows * pages * kHalves * static_cast<size_t>(problem_.head_dim / Op::kDims);
  }

  void score_block(const Piece& piece, int row_block, Fetcher& fetcher) {
    multiply(piece.keys, row_block, fetcher);
    hide_later_keys(piece.keys);
    switch (stride_) {
      case 16:
        return add_logits<16>(piece, row_block);
      case 8:
        return add_logits<8>(piece, row_block);
      default:
        return add_logits<4>(piece, row_block);
    }
  }

  /** Products of a row block, [page][row][token]. */
  void multiply(const KeyBlock& keys, int row_block, Fetcher& fetcher) {
    const int first = row_block * kLanes;
    const int rows = rows_ - first < kLanes ? rows_ - first : kLanes;
    for (int row = 0; row < rows; row += Op::kRows) {
      for (int half = 0; half < kHalves; ++half) {
        int page = 0;
        for (; page + Op::kPages <= keys.count; page += Op::kPages) multiply_some<Op::kPages>(keys, first + row, half, page, fetcher);
        for (; page < keys.count; ++page) multiply_some<1>(keys, first + row, half, page, fetcher);
      }
    }
  }

  template <int NP>
  void multiply_some(const KeyBlock& block, int row, int half, int page, Fetcher& fetcher) {
    constexpr int NR = Op::kRows;
    const std::byte* keys[NP];
    typename Op::Acc acc[NR][NP];
#pragma GCC unroll 4
    for (int p = 0; p < NP; ++p) {
      keys[p] = block.slice[page + p] + half * kLanes * 4;
#pragma GCC unroll 4
      for (int r = 0; r < NR; ++r) acc[r][p] = Op::start(starts_ + (row + r) * kPageTokens + half * kLanes);
    }
    const Query* q = queries_ + static_cast<size_t>(row) * tile_ + static_cast<size_t>(half) * (NR * tile_ / kHalves);
    const int steps = problem_.head_dim / Op::kDims;
    for (int s = 0; s < steps; s += 2, q += 2 * NR * Op::kStepQueries) {
      fetcher.advance(2);
      Op::step(acc, q, keys, static_cast<size_t>(s) * kLine);
      Op::step(acc, q + NR * Op::kStepQueries, keys, static_cast<size_t>(s + 1) * kLine);
    }
    float* to = products_ + (page * kLanes + row % kLanes) * kPageTokens + half * kLanes;
#pragma GCC unroll 4
    for (int p = 0; p < NP; ++p) {
#pragma GCC unroll 4
      for (int r = 0; r < NR; ++r) {
        F x = Op::to_float(acc[r][p]);
        if constexpr (Op::kScaled) x = V::mul(x, V::load(scales_of(block.slice[page + p], problem_.head_dim).key + half * kLanes));
        V::store(to + (p * kLanes + r) * kPageTokens, x);
      }
    }
  }

  /** Keys behind the block's last query do not count. */
  void hide_later_keys(const KeyBlock& keys) {
    const int page = keys.count - 1;
    const int kept = last_position(block_) - keys.logical[page] * kPageTokens + 1;
    if (kept >= kPageTokens) return;
    for (int row = 0; row < kLanes; ++row) {
      float* products = products_ + (page * kLanes + row) * kPageTokens;
      for (int token = kept; token < kPageTokens; ++token) products[token] = 0.0f;
    }
  }

  /** Sums across lanes, a row a lane, and adds their exponentials to the unit. */
  template <int kStride>
  void add_logits(const Piece& piece, int row_block) {
    constexpr int kGroups = kPageTokens / kStride;
    const F factor = V::load(factors_ + row_block * kLanes);
    F top = V::set1(-kGreatestLogit);
    for (int page = 0; page < piece.keys.count; ++page) {
      F sums[kGroups];
      LaneSums<V>::template of_groups<kStride>(products_ + page * kLanes * kPageTokens, sums);
      float* logits = logits_ + page * kGroups * kLanes;
#pragma GCC unroll 4
      for (int j = 0; j < kGroups; ++j) V::store(logits + j * kLanes, logit_of<V>(V::mul(sums[j], factor), softcap_log2_));
      hide_unseen(piece.keys.logical[page] * kGroups, kGroups, row_block, logits);
#pragma GCC unroll 4
      for (int j = 0; j < kGroups; ++j) top = V::max(top, V::load(logits + j * kLanes));
    }
    const size_t at = (static_cast<size_t>(row_block) * static_cast<size_t>(units_.size()) + static_cast<size_t>(piece.unit - units_.begin)) * kLanes;
    RunningSum<V> unit{V::load(maxima_ + at), V::load(sums_ + at)};
    unit.raise(top);
    for (int i = 0; i < piece.keys.count * kGroups; ++i) unit.add(V::load(logits_ + i * kLanes));
    V::store(maxima_ + at, unit.maximum);
    V::store(sums_ + at, unit.sum);
  }

  /** Hides groups of keys [first, first + count) from rows that see no pair of them. */
  LONGHAUL_INLINE void hide_unseen(int first, int count, int row_block, float* logits) const {
    const int newest = first + count - 1;
    const int oldest_row = query_group(row_block * kLanes);
    const int newest_row = last_position(block_) / stride_;
    const bool all_seen = newest <= oldest_row && (problem_.window == 0 || is_within(first, newest_row));
    if (all_seen) return;
    for (int j = 0; j < count; ++j) {
      for (int lane = 0; lane < kLanes; ++lane) {
        const int group = query_group(row_block * kLanes + lane);
        const bool seen = first + j <= group && (problem_.window == 0 || is_within(first + j, group));
        if (!seen) logits[j * kLanes + lane] = kUnseen;
      }
    }
  }

  /** Whether the window of the first query of a group reaches the last key of another. */
  bool is_within(int key_group, int query_group) const {
    return key_group * stride_ + stride_ - 1 > query_group * stride_ - problem_.window;
  }

  /** Brings each row's units to one maximum, and adds their shares. */
  void add_up(float* out) const {
    const size_t units = static_cast<size_t>(units_.size());
    std::memset(out, 0, units * sizeof *out);
    for (int row_block = 0; row_block < row_blocks_; ++row_block) {
      const float* maxima = maxima_ + static_cast<size_t>(row_block) * units * kLanes;
      const float* sums = sums_ + static_cast<size_t>(row_block) * units * kLanes;
      RunningSum<V> total = RunningSum<V>::none();
      for (size_t u = 0; u < units; ++u) total.maximum = V::max(total.maximum, V::load(maxima + u * kLanes));
      for (size_t u = 0; u < units; ++u) total.sum = V::fma(V::load(sums + u * kLanes), share(maxima + u * kLanes, total.maximum), total.sum);
      alignas(64) float factors[kLanes];
      V::store(factors, total.sum);
      for (int lane = 0; lane < kLanes; ++lane) {
        factors[lane] = row_block * kLanes + lane < rows_ && factors[lane] > 0.0f ? 1.0f / factors[lane] : 0.0f;
      }
      for (size_t u = 0; u < units; ++u) {
        const F weights = V::mul(V::load(sums + u * kLanes), share(maxima + u * kLanes, total.maximum));
        out[u] += V::reduce_add(V::mul(weights, V::load(factors)));
      }
    }
  }

  static LONGHAUL_INLINE F share(const float* maximum, F total) { return exp2_approximation<V, 5>(V::sub(V::load(maximum), total)); }

  const AttentionProblem& problem_;
  const QueryBlock& block_;
  const int stride_;
  const int unit_tokens_;
  const TokenRange units_;
  const int first_group_;
  const int group_;
  const int rows_;
  const int row_blocks_;
  /** Elements of a row's queries. */
  const size_t tile_;
  const float softcap_log2_;
  /** [row / kRows][half of a page][step][row % kRows][kStepQueries] */
  Query* queries_;
  /** [row][token] of scaled types. */
  int32_t* starts_;
  /** [row] that makes a sum a mean logit. */
  float* factors_;
  /** [row block][unit][kLanes] */
  float* maxima_;
  float* sums_;
  /** Of a piece and row block: [page][row][token], and [page][group of keys][row]. */
  float* products_;
  float* logits_;
};

template <class Op>
void score_antidiagonal_of(const ScoreJob& job, int stride, int unit_tokens, float* out) {
  Antidiagonal<Op> scorer(job, stride, unit_tokens);
  scorer.run(out);
}

}  // namespace
}  // namespace longhaul::attention
