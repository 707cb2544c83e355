// The tile executor: flash attention of a block of query rows over a list of pages, generic over how a product step is
// done (operand.h). Rows are (token, head of the group) pairs, tokens outermost. They are cut into row blocks; keys
// into blocks of TileJob::block_pages that stay in L2 while all row blocks pass over them.
//
// A row's result depends only on its own logits and on where the list is cut into key blocks and splits (multiples of
// fixed lengths), never on the other rows: the order of additions is the same in every row block, and a masked key adds
// exact zeros. A token therefore gets the same bits in a prefill chunk of any size and in decode. Include it behind the
// level's `#pragma GCC target`.
#pragma once

#include "fetcher.h"
#include "operand.h"
#include "tile_rows.h"

namespace longhaul::attention {
namespace {

/** Floats of a row of logits: a block of keys, and padding so that rows do not fall into the same cache sets. */
constexpr int kLogitStride = kMaxBlockPages * kPageTokens + 16;
/** Rows of a row block: up to Op::kShallowRows when one block then holds them all, else up to kDeepRows. */
constexpr int kMaxRows = 8;
constexpr int kDeepRows = 6;
/** Instructions of the softmax of a vector of logits, about. */
constexpr int kSoftmaxWork = 20;

template <class Op>
constexpr int rows_per_block(int rows) {
  return rows <= Op::kShallowRows ? Op::kShallowRows : kDeepRows;
}

template <class Op>
struct TileKernel : TileRows<typename Op::V> {
  using V = typename Op::V;
  using F = typename Op::F;
  using A = typename Op::A;
  /** Vectors of the 16 columns of one page's K tile. */
  static constexpr int kVectorsPerPage = kPageTokens / V::kLanes;
  static constexpr int kStepsPerPage = kPageTokens / Op::kTokensPerStep;
  static constexpr int kVectorBytes = V::kLanes * 4;
  /** Left-operand elements of one row of probabilities. */
  static constexpr int kProbabilityStride = kLogitStride * Op::kPerStep / Op::kTokensPerStep;

  using Rows = TileRows<V>;
  using Rows::blocks;
  using Rows::first_row_of;
  using Rows::job;
  using Rows::maxima;
  using Rows::outputs;
  using Rows::position_of;
  using Rows::query_row;
  using Rows::rows;
  using Rows::sums;

  const int steps;
  const size_t value_offset;
  A* queries;
  float* logits;
  A* probabilities;

  explicit TileKernel(const TileJob& tile)
      : Rows(tile, rows_per_block<Op>(tile.tokens * tile.group)),
        steps(tile.pool.head_dim / Op::kTokensPerStep),
        value_offset(key_tile_bytes(tile.pool.dtype, tile.pool.head_dim)) {
    const size_t block = static_cast<size_t>(kMaxRows) * kLogitStride;
    const size_t matrix = Rows::matrix_floats();
    Carver carver(thread_scratch(Rows::carved_bytes() + Carver::rounded(matrix * 4) + 2 * Carver::rounded(block * 4)));
    Rows::carve(carver);
    queries = carver.template take<A>(matrix);
    logits = carver.template take<float>(block);
    probabilities = carver.template take<A>(block);
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
    if (job.softcap_log2 > 0.0f) cap_logits(NR, begin, end);
    for (int page = begin; page < end; ++page) {
      if (Rows::needs_mask(keys, page, first, NR)) mask_page(NR, first, page, keys.logical[page] * kPageTokens);
    }
    F decay[NR];
    for (int r = 0; r < NR; ++r) decay[r] = soften_row<kPrefetch>(first + r, r, begin, end, fetcher);
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

  void cap_logits(int count, int begin, int end) {
    const F cap = V::set1(job.softcap_log2);
    for (int r = 0; r < count; ++r) {
      float* row = logits + r * kLogitStride;
      for (int i = begin * kPageTokens; i < end * kPageTokens; i += V::kLanes) {
        V::store(row + i, V::mul(cap, tanh_approximation<V>(V::load(row + i))));
      }
    }
  }

  void mask_page(int count, int first, int page, int key) {
    for (int r = 0; r < count; ++r) {
      const int position = position_of(first + r);
      const int newest = position - key;
      const int oldest = job.window > 0 ? newest - job.window + 1 : -1;
      float* row = logits + r * kLogitStride + page * kPageTokens;
      for (int i = 0; i < kPageTokens; ++i) row[i] = i <= newest && i >= oldest ? row[i] : kMasked;
    }
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
