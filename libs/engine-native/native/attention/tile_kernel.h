// The tile executor: flash attention of a block of query rows over a list of pages, generic over how a product step is
// done (operand.h). Rows are (token, head of the group) pairs, tokens outermost. They are cut into row blocks; keys
// into blocks of TileJob::block_pages that stay in L2 while all row blocks pass over them.
//
// A row's result depends only on its own logits and on where the list is cut into key blocks and splits (multiples of
// fixed lengths), never on the other rows: the order of additions is the same in every row block, and a masked key adds
// exact zeros. A token therefore gets the same bits in a prefill chunk of any size and in decode. Include it behind the
// level's `#pragma GCC target`.
#pragma once

#include "softmax_rows.h"

namespace longhaul::attention {
namespace {

/** Rows of a row block: up to Op::kShallowRows when one block then holds them all, else up to kDeepRows. */
constexpr int kMaxRows = 8;
constexpr int kDeepRows = 6;

template <class Op>
constexpr int rows_per_block(int rows) {
  return rows <= Op::kShallowRows ? Op::kShallowRows : kDeepRows;
}

template <class Op>
struct TileKernel : SoftmaxRows<Op, kMaxRows> {
  using V = typename Op::V;
  using F = typename Op::F;
  using A = typename Op::A;
  static constexpr int kStepsPerPage = kPageTokens / Op::kTokensPerStep;
  static constexpr int kVectorBytes = V::kLanes * 4;

  using Rows = SoftmaxRows<Op, kMaxRows>;
  using Rows::blocks;
  using Rows::first_row_of;
  using Rows::job;
  using Rows::kProbabilityStride;
  using Rows::kVectorsPerPage;
  using Rows::logits;
  using Rows::outputs;
  using Rows::probabilities;
  using Rows::query_row;
  using Rows::rows;

  const int steps;
  const size_t value_offset;
  A* queries;

  explicit TileKernel(const TileJob& tile)
      : Rows(tile, rows_per_block<Op>(tile.tokens * tile.group)),
        steps(tile.pool.head_dim / Op::kTokensPerStep),
        value_offset(key_tile_bytes(tile.pool.dtype, tile.pool.head_dim)) {
    const size_t matrix = Rows::matrix_floats();
    Carver carver(thread_scratch(Rows::carved_bytes() + Carver::rounded(matrix * 4)));
    Rows::carve(carver);
    queries = carver.template take<A>(matrix);
    pack_queries();
  }

  void begin_split() { Rows::clear_split(); }
  void end_split() {}

  /** Lays the queries of each row block out as [step][row][kPerStep], so that a step's broadcasts are neighbours. */
  void pack_queries() {
    for (int block = 0; block < blocks; ++block) {
      const int first = first_row_of(block);
      const int count = first_row_of(block + 1) - first;
      A* to = queries + static_cast<size_t>(first) * steps * Op::kPerStep;
      for (int r = 0; r < count; ++r) {
        const float* from = query_row(first + r);
        for (int s = 0; s < steps; ++s) {
          Op::pack(to + (static_cast<size_t>(s) * count + r) * Op::kPerStep, from + s * Op::kTokensPerStep);
        }
      }
    }
  }

  void run_rows(const KeyBlock& keys, int first, int count, bool prefetch) {
    with_rows<Op::kShallowRows>(count, [&](auto rows_of) { run_block<rows_of()>(keys, first, prefetch); });
  }

  /** One row block over one key block: logits, softmax, values. */
  template <int NR>
  void run_block(const KeyBlock& keys, int first, bool prefetch) {
    int begin = 0;
    int end = keys.count;
    Rows::visible_pages(keys, first, NR, begin, end);
    if (begin == end) return;
    Fetcher fetcher(keys, 0, keys.count, slice_bytes(job.pool.dtype, job.pool.head_dim), work_of(NR, end - begin), prefetch);
    if (prefetch) {
      compute_block<NR, true>(keys, first, begin, end, fetcher);
    } else {
      compute_block<NR, false>(keys, first, begin, end, fetcher);
    }
  }

  /** What Fetcher counts of so many rows over so many pages. */
  size_t work_of(int count, int pages) const {
    const size_t products = 2 * static_cast<size_t>(steps) * Op::kPerStep * kVectorsPerPage;
    return static_cast<size_t>(count) * pages * (products + kVectorsPerPage * kSoftmaxWork);
  }

  template <int NR, bool kPrefetch>
  LONGHAUL_INLINE void compute_block(const KeyBlock& keys, int first, int begin, int end, Fetcher& fetcher) {
    score_pages<NR, kPrefetch>(keys, queries + static_cast<size_t>(first) * steps * Op::kPerStep, begin, end, fetcher);
    Rows::bound_logits(keys, first, NR, begin, end);
    const uint32_t skipped = Rows::skipped_rows(first, NR, begin, end);
    if (skipped == (1u << NR) - 1) return;
    F decay[NR];
    for (int r = 0; r < NR; ++r) {
      decay[r] = (skipped >> r & 1u) != 0 ? Rows::skip_row(r, begin, end)
                                          : Rows::template soften_row<kPrefetch>(first + r, r, begin, end, fetcher);
    }
    add_values<NR, kPrefetch>(keys, first, begin, end, decay, fetcher);
  }

  /** Logits of the pages [begin, end), Op::columns(NR) vectors of keys at a time. */
  template <int NR, bool kPrefetch>
  void score_pages(const KeyBlock& keys, const A* q, int begin, int end, Fetcher& fetcher) {
    constexpr int wide = Op::columns(NR);
    int vector = begin * kVectorsPerPage;
    const int stop = end * kVectorsPerPage;
    if constexpr (wide < kVectorsPerPage) {
      for (; vector < stop; vector += kVectorsPerPage) {
        score<NR, 1, kPrefetch>(keys, q, vector, fetcher);
        score<NR, 1, kPrefetch>(keys, q, vector + 1, fetcher);
      }
      return;
    }
    for (; vector + wide <= stop; vector += wide) score<NR, wide, kPrefetch>(keys, q, vector, fetcher);
    if constexpr (wide > 2) {
      for (; vector + 2 <= stop; vector += 2) score<NR, 2, kPrefetch>(keys, q, vector, fetcher);
    }
    if constexpr (wide > 1 && kVectorsPerPage == 1) {
      for (; vector < stop; ++vector) score<NR, 1, kPrefetch>(keys, q, vector, fetcher);
    }
  }

  /** Logits of NV vectors of keys; `first` counts vectors from the start of the block. */
  template <int NR, int NV, bool kPrefetch>
  LONGHAUL_INLINE void score(const KeyBlock& keys, const A* q, int first, Fetcher& fetcher) {
    const std::byte* base[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      const int page = (first + v) / kVectorsPerPage;
      base[v] = keys.slice[page] + (first + v) % kVectorsPerPage * kVectorBytes;
    }
    F acc[NR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) acc[r][v] = V::zero();
    }
    for (int s = 0; s < steps; ++s) {
      const size_t offset = static_cast<size_t>(s) * kLine;
      if constexpr (kPrefetch) fetcher.advance(NR * NV * Op::kPerStep);
      Op::template step<Op::kPerStep>(acc, q + static_cast<size_t>(s) * NR * Op::kPerStep, base, offset);
    }
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) V::store(logits + r * kLogitStride + (first + v) * V::kLanes, acc[r][v]);
    }
  }

  template <int NR, bool kPrefetch>
  void add_values(const KeyBlock& keys, int first, int begin, int end, const F (&decay)[NR], Fetcher& fetcher) {
    constexpr int wide = Op::columns(NR);
    const int vectors = job.pool.head_dim / V::kLanes;
    int column = 0;
    for (; column + wide <= vectors; column += wide) {
      add_columns<NR, wide, kPrefetch>(keys, first, begin, end, decay, column, fetcher);
    }
    if constexpr (wide > 2) {
      for (; column + 2 <= vectors; column += 2) add_columns<NR, 2, kPrefetch>(keys, first, begin, end, decay, column, fetcher);
    }
    if constexpr (wide > 1 && kVectorsPerPage == 1) {
      for (; column < vectors; ++column) add_columns<NR, 1, kPrefetch>(keys, first, begin, end, decay, column, fetcher);
    }
  }

  template <int NR, int NV, bool kPrefetch>
  LONGHAUL_INLINE void add_columns(const KeyBlock& keys, int first, int begin, int end, const F (&decay)[NR],
                                   int column, Fetcher& fetcher) {
    F acc[NR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) acc[r][v] = V::zero();
    }
    const size_t line = static_cast<size_t>(job.pool.head_dim) * 4;
    for (int page = begin; page < end; ++page) {
      const size_t tile_offset = value_offset + static_cast<size_t>(column) * kVectorBytes;
      const std::byte* tile = keys.slice[page] + tile_offset;
      const A* p = probabilities + page * kStepsPerPage * Op::kPerStep;
      const std::byte* base[NV];
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) base[v] = tile + v * kVectorBytes;
#pragma GCC unroll 2
      for (int s = 0; s < kStepsPerPage; ++s) {
        const size_t offset = static_cast<size_t>(s) * line;
        if constexpr (kPrefetch) fetcher.advance(NR * NV * Op::kPerStep);
        Op::template step<kProbabilityStride>(acc, p + s * Op::kPerStep, base, offset);
      }
    }
    float* to = outputs + static_cast<size_t>(first) * job.pool.head_dim + static_cast<size_t>(column) * V::kLanes;
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
      float* row = to + static_cast<size_t>(r) * job.pool.head_dim;
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) {
        V::store(row + v * V::kLanes, V::fma(V::load(row + v * V::kLanes), decay[r], acc[r][v]));
      }
    }
  }
};

template <class Op>
void run_tile(const TileJob& job) {
  TileKernel<Op> kernel(job);
  run_key_blocks(kernel);
}

}  // namespace
}  // namespace longhaul::attention
