// The tile executor of an int8 pool: both products in integers, softmax between them in f32 (integer_rows.h). (The same
// split into integer QK, f32 softmax, integer PV: SageAttention, arXiv:2410.02367, section 3, there per block and with
// 16-bit PV.)
//
// A row's result depends on its own logits only, as tile_kernel.h has it: groups are cut at multiples of a fixed number
// of pages, integer sums are exact, and a masked key adds nothing. Include it behind the level's `#pragma GCC target`,
// after append_kernel.h and integer_dot.h.
#pragma once

#include <algorithm>

#include "fetcher.h"
#include "integer_rows.h"

namespace longhaul::attention {
namespace {

/** Rows of a row block, at most; more of them where that is all there are, so that decode reads keys once. */
constexpr int kIntegerRows = 6;
/** Instructions of the softmax of a vector of scores, about. */
constexpr int kIntegerSoftmaxWork = 30;

template <class Dot>
constexpr int integer_rows_per_block(int rows) {
  return rows <= Dot::kShallowRows ? Dot::kShallowRows : kIntegerRows;
}

template <class Dot>
struct IntegerTile : IntegerRows<Dot> {
  using Rows = IntegerRows<Dot>;
  using typename Rows::F;
  using typename Rows::V;
  static constexpr int kVectorBytes = V::kLanes * 4;

  using Rows::dim;
  using Rows::job;
  using Rows::kVectors;
  using Rows::kVectorsPerPage;
  using Rows::lane_of;
  using Rows::rows;
  using Rows::scales_of_vector;
  using Rows::starts;

  const int steps;
  /** Of each row block [step][row][4 dims]. */
  int8_t* queries;
  /** Of the row block and group at hand: [row][token], products over the query's scale, then 255 times probabilities. */
  float* scores;
  uint8_t* probabilities;
  float factors[Dot::kShallowRows];

  explicit IntegerTile(const TileJob& tile)
      : Rows(tile, integer_rows_per_block<Dot>(tile.tokens * tile.group)), steps(tile.pool.head_dim / 4) {
    const size_t block = static_cast<size_t>(Dot::kShallowRows) * kGroupTokens;
    Carver carver(thread_scratch(Rows::carved_bytes() + Carver::rounded(Rows::matrix_floats()) +
                                 Carver::rounded(block * 4) + Carver::rounded(block)));
    Rows::carve(carver);
    queries = carver.template take<int8_t>(Rows::matrix_floats());
    scores = carver.template take<float>(block);
    probabilities = carver.template take<uint8_t>(block);
    for (int i = 0; i < Rows::blocks; ++i) pack_block(Rows::first_row_of(i), Rows::first_row_of(i + 1));
  }

  void pack_block(int first, int last) {
    alignas(64) int8_t bytes[kMaxHeadDim];
    int8_t* to = queries + static_cast<size_t>(first) * dim;
    const int count = last - first;
    for (int r = 0; r < count; ++r) {
      Rows::quantise_query(first + r, bytes);
      for (int s = 0; s < steps; ++s) std::memcpy(to + (s * count + r) * 4, bytes + 4 * s, 4);
    }
  }

  void run_rows(const KeyBlock& keys, int first, int count, bool prefetch) {
    with_rows<Dot::kShallowRows>(count, [&](auto rows_of) { run_block<rows_of()>(keys, first, prefetch); });
  }

  template <int NR>
  void run_block(const KeyBlock& keys, int first, bool prefetch) {
    PageList seen{nullptr, 0, keys.count};
    Rows::visible_pages(keys, first, NR, seen.begin, seen.end);
    for (int at = Rows::first_group(keys, seen.begin); at < seen.end; at += kGroupPages) {
      const Group group = Rows::group_at(keys, at, seen, first, NR);
      const PageList fetched = Rows::fetched_with(group, seen);
      Fetcher fetcher(keys, fetched.begin, fetched.end, slice_bytes(KvDtype::kInt8, dim), work_of(NR, group), prefetch);
      if (prefetch) {
        score_group<NR, true>(group, first, fetcher);
      } else {
        score_group<NR, false>(group, first, fetcher);
      }
      for (int r = 0; r < NR; ++r) {
        if (prefetch) fetcher.advance(kVectors * kIntegerSoftmaxWork);
        factors[r] = Rows::soften_row(group, first + r, scores + r * kGroupTokens, probabilities + r * kGroupTokens);
      }
      if (job.skip_log2 > 0.0f && std::all_of(factors, factors + NR, [](float factor) { return factor == 0.0f; })) continue;
      if (prefetch) {
        add_values<NR, true>(group, first, fetcher);
      } else {
        add_values<NR, false>(group, first, fetcher);
      }
    }
  }

  /** What Fetcher counts of a group. */
  size_t work_of(int count, const Group& group) const {
    const size_t products = 2 * static_cast<size_t>(steps) * kVectorsPerPage;
    return static_cast<size_t>(count) * (static_cast<size_t>(group.end - group.begin) * products + kVectors * kIntegerSoftmaxWork);
  }

  template <int NR, bool kPrefetch>
  void score_group(const Group& group, int first, Fetcher& fetcher) {
    constexpr int wide = Dot::columns(NR);
    if (group.full()) {
      for (int v = 0; v < kVectors; v += wide) score<NR, wide, kPrefetch>(group, first, v, fetcher);
      return;
    }
    const int last = (group.end - group.first) * kVectorsPerPage;
    for (int v = (group.begin - group.first) * kVectorsPerPage; v < last; ++v) score<NR, 1, kPrefetch>(group, first, v, fetcher);
  }

  /** Products of NR queries with NV vectors of keys, times the keys' scales. */
  template <int NR, int NV, bool kPrefetch>
  LONGHAUL_INLINE void score(const Group& group, int first, int vector, Fetcher& fetcher) {
    const std::byte* base[NV];
    typename Dot::Acc acc[NR][NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      const int page = group.first + (vector + v) / kVectorsPerPage;
      base[v] = group.keys.slice[page] + (vector + v) % kVectorsPerPage * kVectorBytes;
#pragma GCC unroll 8
      for (int r = 0; r < NR; ++r) acc[r][v] = Dot::start(starts[first + r]);
    }
    const int8_t* q = queries + static_cast<size_t>(first) * dim;
#pragma GCC unroll 2
    for (int s = 0; s < steps; ++s) {
      if constexpr (kPrefetch) fetcher.advance(NR * NV);
      typename Dot::Bytes keys[NV];
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) keys[v] = Dot::load_keys(base[v] + static_cast<size_t>(s) * kLine);
#pragma GCC unroll 8
      for (int r = 0; r < NR; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) Dot::dot_keys(acc[r][v], keys[v], q + (s * NR + r) * 4);
      }
    }
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      const F scale = V::load(scales_of_vector(group, vector + v).key + lane_of(vector + v));
#pragma GCC unroll 8
      for (int r = 0; r < NR; ++r) {
        V::store(scores + r * kGroupTokens + (vector + v) * V::kLanes, V::mul(Dot::to_float(acc[r][v]), scale));
      }
    }
  }

  template <int NR, bool kPrefetch>
  void add_values(const Group& group, int first, Fetcher& fetcher) {
    constexpr int wide = Dot::columns(NR);
    const int vectors = dim / V::kLanes;
    int column = 0;
    for (; column + wide <= vectors; column += wide) add_columns<NR, wide, kPrefetch>(group, first, column, fetcher);
    for (; column < vectors; ++column) add_columns<NR, 1, kPrefetch>(group, first, column, fetcher);
  }

  /** Adds the group's values, NV vectors of dimensions of them, to NR rows. */
  template <int NR, int NV, bool kPrefetch>
  LONGHAUL_INLINE void add_columns(const Group& group, int first, int column, Fetcher& fetcher) {
    typename Dot::Acc acc[NR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) acc[r][v] = Dot::start(0);
    }
    const size_t line = static_cast<size_t>(dim) * 4;
    const size_t offset = key_tile_bytes(KvDtype::kInt8, dim) + static_cast<size_t>(column) * kVectorBytes;
    for (int page = group.begin; page < group.end; ++page) {
      const std::byte* tile = group.keys.slice[page] + offset;
      const uint8_t* p = probabilities + Dot::byte_of_quad((page - group.first) * kQuadsPerPage);
#pragma GCC unroll 4
      for (int quad = 0; quad < kQuadsPerPage; ++quad) {
        if constexpr (kPrefetch) fetcher.advance(NR * NV);
        typename Dot::Bytes values[NV];
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) values[v] = Dot::load_values(tile + quad * line + v * kVectorBytes);
#pragma GCC unroll 8
        for (int r = 0; r < NR; ++r) {
          const auto weights = Dot::broadcast(p + r * kGroupTokens + Dot::byte_of_quad(quad));
#pragma GCC unroll 8
          for (int v = 0; v < NV; ++v) Dot::dot_values(acc[r][v], weights, values[v]);
        }
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
      float* out = Rows::output_row(first + r) + column * V::kLanes;
      const F factor = V::set1(factors[r]);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) {
        V::store(out + v * V::kLanes, V::fma(Dot::to_float(acc[r][v]), factor, V::load(out + v * V::kLanes)));
      }
    }
  }
};

template <class Dot>
void run_integer_tile(const TileJob& job) {
  IntegerTile<Dot> kernel(job);
  run_key_blocks(kernel);
  kernel.unrotate_output();
}

}  // namespace
}  // namespace longhaul::attention
