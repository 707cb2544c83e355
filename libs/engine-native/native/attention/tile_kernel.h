// The tile executor: flash attention of a block of query rows over a list of pages, generic over how a product step is
// done (operand.h). Rows are (token, head of the group) pairs, tokens outermost. They are cut into row blocks; keys
// into blocks of TileJob::block_pages that stay in L2 while all row blocks pass over them.
//
// A row's result depends only on its own logits and on where the list is cut into key blocks and splits (multiples of
// fixed lengths), never on the other rows: the order of additions is the same in every row block, and a masked key adds
// exact zeros. A token therefore gets the same bits in a prefill chunk of any size and in decode. Include it behind the
// level's `#pragma GCC target`.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.h"
#include "operand.h"
#include "scratch.h"

namespace longhaul::attention {
namespace {

/** Floats of a row of logits: a block of keys, and padding so that rows do not fall into the same cache sets. */
constexpr int kLogitStride = kMaxBlockPages * kPageTokens + 16;
/** Rows of a row block: up to Op::kShallowRows when one block then holds them all, else up to kDeepRows. */
constexpr int kMaxRows = 8;
constexpr int kDeepRows = 6;
/**
 * A logit no key has, and a running maximum below every logit but above it; finite, so that differences never are NaN.
 */
constexpr float kMasked = -1e30f;
constexpr float kNoMaximum = -1e20f;
constexpr size_t kLine = 64;

struct KeyBlock {
  int count;
  int logical[kMaxBlockPages];
  const std::byte* slice[kMaxBlockPages];
  /** Slices of the next block, one per page: what is read of a page is fetched of its `next` into L2 meanwhile. */
  const std::byte* next[kMaxBlockPages];
  bool prefetch;
};

/** What a row has summed up so far: O at `values`, the exponentials in `sum`, both relative to 2^maximum. */
struct RowTotal {
  float* values;
  float& maximum;
  float& sum;
};

/** Adds the next split to a total. The maxima are whole numbers, so both scalings are exact. */
template <class V>
LONGHAUL_INLINE void add_part(const RowTotal& total, const RowPart& part, int head_dim) {
  if (part.sum == 0.0f) return;
  if (total.sum == 0.0f) {
    for (int d = 0; d < head_dim; d += V::kLanes) V::store(total.values + d, V::load(part.values + d));
    total.maximum = part.maximum;
    total.sum = part.sum;
    return;
  }
  const float maximum = total.maximum > part.maximum ? total.maximum : part.maximum;
  float factors[2 * V::kLanes];
  const typename V::F one = V::set1(1.0f);
  const typename V::F decay = V::scale_exp2(one, V::set1(total.maximum - maximum));
  const typename V::F share = V::scale_exp2(one, V::set1(part.maximum - maximum));
  V::store(factors, decay);
  V::store(factors + V::kLanes, share);
  for (int d = 0; d < head_dim; d += V::kLanes) {
    const typename V::F scaled = V::mul(V::load(total.values + d), decay);
    V::store(total.values + d, V::fma(V::load(part.values + d), share, scaled));
  }
  total.maximum = maximum;
  total.sum = total.sum * factors[0] + part.sum * factors[V::kLanes];
}

/** Writes O over the sum of exponentials to `out`, which may be `values`; returns the natural logarithm of that sum. */
template <class V>
LONGHAUL_INLINE float normalise_row(const RowPart& row, int head_dim, float* out) {
  const bool empty = row.sum == 0.0f;
  const typename V::F factor = V::set1(empty ? 0.0f : 1.0f / row.sum);
  for (int d = 0; d < head_dim; d += V::kLanes) V::store(out + d, V::mul(V::load(row.values + d), factor));
  return empty ? -__builtin_inff() : (row.maximum + __builtin_log2f(row.sum)) * kLn2;
}

template <class V>
float merge_parts(const RowPart* parts, int count, int head_dim, float* out) {
  float values[kMaxHeadDim] = {};
  float maximum = kNoMaximum;
  float sum = 0.0f;
  for (int i = 0; i < count; ++i) add_part<V>({values, maximum, sum}, parts[i], head_dim);
  return normalise_row<V>({values, maximum, sum}, head_dim, out);
}

template <class Op>
struct TileKernel {
  using V = typename Op::V;
  using F = typename Op::F;
  using A = typename Op::A;
  /** Vectors of the 16 columns of one page's K tile. */
  static constexpr int kVectorsPerPage = kPageTokens / V::kLanes;
  static constexpr int kStepsPerPage = kPageTokens / Op::kTokensPerStep;
  static constexpr int kVectorBytes = V::kLanes * 4;
  /** Left-operand elements of one row of probabilities. */
  static constexpr int kProbabilityStride = kLogitStride * Op::kPerStep / Op::kTokensPerStep;

  const TileJob& job;
  int rows;
  int steps;
  size_t value_offset;
  A* queries;
  float* outputs;
  float* maxima;
  float* sums;
  /** The splits so far, as `outputs`, `maxima` and `sums` are of the split at hand. */
  float* total_outputs;
  float* total_maxima;
  float* total_sums;
  float* logits;
  A* probabilities;

  /** Row blocks: `blocks` of them, sizes differ by at most one, larger ones first. */
  int blocks;

  explicit TileKernel(const TileJob& tile) : job(tile) {
    const int dim = job.pool.head_dim;
    rows = job.tokens * job.group;
    steps = dim / (Op::kTokensPerStep);
    value_offset = key_tile_bytes(job.pool.dtype, dim);
    const int limit = rows <= Op::kShallowRows ? Op::kShallowRows : kDeepRows;
    blocks = (rows + limit - 1) / limit;
    allocate();
  }

  void allocate() {
    const size_t row_count = static_cast<size_t>(rows);
    const size_t matrix = row_count * static_cast<size_t>(job.pool.head_dim) * 4;
    const size_t vector = (row_count * 4 + kLine - 1) / kLine * kLine;
    const size_t block = static_cast<size_t>(kMaxRows) * kLogitStride * 4;
    std::byte* memory = thread_scratch(3 * matrix + 4 * vector + 2 * block);
    queries = reinterpret_cast<A*>(memory);
    outputs = reinterpret_cast<float*>(memory + matrix);
    maxima = reinterpret_cast<float*>(memory + 2 * matrix);
    sums = reinterpret_cast<float*>(memory + 2 * matrix + vector);
    logits = reinterpret_cast<float*>(memory + 2 * matrix + 2 * vector);
    probabilities = reinterpret_cast<A*>(memory + 2 * matrix + 2 * vector + block);
    std::byte* totals = memory + 2 * matrix + 2 * vector + 2 * block;
    total_outputs = reinterpret_cast<float*>(totals);
    total_maxima = reinterpret_cast<float*>(totals + matrix);
    total_sums = reinterpret_cast<float*>(totals + matrix + vector);
    begin_split();
    __builtin_memset(total_sums, 0, vector);
  }

  void begin_split() {
    __builtin_memset(outputs, 0, static_cast<size_t>(rows) * static_cast<size_t>(job.pool.head_dim) * 4);
    __builtin_memset(sums, 0, static_cast<size_t>(rows) * 4);
    for (int row = 0; row < rows; ++row) maxima[row] = kNoMaximum;
  }

  RowPart split_row(int row) const {
    return {outputs + static_cast<size_t>(row) * job.pool.head_dim, maxima[row], sums[row]};
  }

  RowTotal total_row(int row) const {
    return {total_outputs + static_cast<size_t>(row) * job.pool.head_dim, total_maxima[row], total_sums[row]};
  }

  void end_split() {
    for (int row = 0; row < rows; ++row) add_part<V>(total_row(row), split_row(row), job.pool.head_dim);
  }

  int first_row_of(int block) const {
    const int larger = rows % blocks;
    return block * (rows / blocks) + (block < larger ? block : larger);
  }

  const float* query_row(int row) const {
    return job.q + static_cast<size_t>(row / job.group) * job.q_stride +
           static_cast<size_t>(row % job.group) * job.pool.head_dim;
  }

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

  void run() {
    pack_queries();
    const int length = job.block_pages;
    bool several = false;
    KeyBlock keys;
    for (int begin = job.pages.begin; begin < job.pages.end;) {
      const int cut = (begin / length + 1) * length;
      const int end = cut < job.pages.end ? cut : job.pages.end;
      gather(keys, begin, end);
      for (int block = 0; block < blocks; ++block) {
        const int first = first_row_of(block);
        dispatch_rows(keys, first, first_row_of(block + 1) - first, keys.prefetch && block == 0);
      }
      begin = end;
      if (begin % job.split_pages == 0 && begin < job.pages.end) {
        end_split();
        begin_split();
        several = true;
      }
    }
    if (several) end_split();
    for (int row = 0; row < rows; ++row) finish_row(row, several);
  }

  void gather(KeyBlock& keys, int begin, int end) const {
    keys.count = end - begin;
    bool contiguous = job.pool.kv_heads == 1;
    for (int i = 0; i < keys.count; ++i) {
      keys.logical[i] = job.pages.at(begin + i);
      const int page = job.block_row[keys.logical[i]];
      keys.slice[i] = job.pool.slice(job.layer, page, job.kv_head);
      const int ahead = end + i < job.pages.end ? end + i : job.pages.end - 1;
      keys.next[i] = job.pool.slice(job.layer, job.block_row[job.pages.at(ahead)], job.kv_head);
      if (i > 0 && keys.slice[i] != keys.slice[i - 1] + slice_bytes(job.pool.dtype, job.pool.head_dim)) {
        contiguous = false;
      }
    }
    keys.prefetch = end < job.pages.end && !contiguous;
  }

  void dispatch_rows(const KeyBlock& keys, int first, int count, bool prefetch) {
    switch (count) {
      case 1:
        return run_rows<1>(keys, first, prefetch);
      case 2:
        return run_rows<2>(keys, first, prefetch);
      case 3:
        return run_rows<3>(keys, first, prefetch);
      case 4:
        return run_rows<4>(keys, first, prefetch);
      case 5:
        return run_rows<5>(keys, first, prefetch);
      case 6:
        return run_rows<6>(keys, first, prefetch);
      default:
        break;
    }
    if constexpr (Op::kShallowRows > 6) {
      if (count == 7) return run_rows<7>(keys, first, prefetch);
      return run_rows<8>(keys, first, prefetch);
    }
  }

  /** One row block over one key block: logits, softmax, values. */
  template <int NR>
  void run_rows(const KeyBlock& keys, int first, bool prefetch) {
    const int low = job.first_position + first / job.group;
    const int high = job.first_position + (first + NR - 1) / job.group;
    const int oldest = job.window > 0 ? low - job.window + 1 : 0;
    int begin = 0;
    int end = keys.count;
    while (end > 0 && keys.logical[end - 1] * kPageTokens > high) --end;
    while (begin < end && keys.logical[begin] * kPageTokens + kPageTokens - 1 < oldest) ++begin;
    if (begin == end) return;
    const A* q = queries + static_cast<size_t>(first) * steps * Op::kPerStep;
    if (prefetch) {
      score_pages<NR, true>(keys, q, begin, end);
    } else {
      score_pages<NR, false>(keys, q, begin, end);
    }
    if (job.softcap_log2 > 0.0f) cap_logits(NR, begin, end);
    for (int page = begin; page < end; ++page) {
      const int key = keys.logical[page] * kPageTokens;
      if (key + kPageTokens - 1 > low || (job.window > 0 && key <= high - job.window)) mask_page(NR, first, page, key);
    }
    F decay[NR];
    for (int r = 0; r < NR; ++r) decay[r] = soften_row(first + r, r, begin, end);
    if (prefetch) {
      add_values<NR, true>(keys, first, begin, end, decay);
    } else {
      add_values<NR, false>(keys, first, begin, end, decay);
    }
  }

  /** Logits of the pages [begin, end), Op::columns(NR) vectors of keys at a time. */
  template <int NR, bool kPrefetch>
  void score_pages(const KeyBlock& keys, const A* q, int begin, int end) {
    constexpr int wide = Op::columns(NR);
    int vector = begin * kVectorsPerPage;
    const int stop = end * kVectorsPerPage;
    if constexpr (wide < kVectorsPerPage) {
      for (; vector < stop; vector += kVectorsPerPage) {
        score<NR, 1, kPrefetch>(keys, q, vector);
        score<NR, 1, false>(keys, q, vector + 1);
      }
      return;
    }
    for (; vector + wide <= stop; vector += wide) score<NR, wide, kPrefetch>(keys, q, vector);
    if constexpr (wide > 2) {
      for (; vector + 2 <= stop; vector += 2) score<NR, 2, kPrefetch>(keys, q, vector);
    }
    if constexpr (wide > 1 && kVectorsPerPage == 1) {
      for (; vector < stop; ++vector) score<NR, 1, kPrefetch>(keys, q, vector);
    }
  }

  /** Logits of NV vectors of keys; `first` counts vectors from the start of the block. */
  template <int NR, int NV, bool kPrefetch>
  LONGHAUL_INLINE void score(const KeyBlock& keys, const A* q, int first) {
    const std::byte* base[NV];
    const std::byte* next[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      const int page = (first + v) / kVectorsPerPage;
      base[v] = keys.slice[page] + (first + v) % kVectorsPerPage * kVectorBytes;
      next[v] = keys.next[page];
    }
    F acc[NR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) acc[r][v] = V::zero();
    }
    for (int s = 0; s < steps; ++s) {
      const size_t offset = static_cast<size_t>(s) * kLine;
      if constexpr (kPrefetch) {
#pragma GCC unroll 8
        for (int v = 0; v < NV; v += kVectorsPerPage) __builtin_prefetch(next[v] + offset, 0, 2);
      }
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
      const int position = job.first_position + (first + r) / job.group;
      const int newest = position - key;
      const int oldest = job.window > 0 ? newest - job.window + 1 : -1;
      float* row = logits + r * kLogitStride + page * kPageTokens;
      for (int i = 0; i < kPageTokens; ++i) row[i] = i <= newest && i >= oldest ? row[i] : kMasked;
    }
  }

  /**
   * Turns a row of logits into probabilities relative to the running maximum; returns the decay of what came before.
   */
  LONGHAUL_INLINE F soften_row(int row, int r, int begin, int end) {
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
  void add_values(const KeyBlock& keys, int first, int begin, int end, const F (&decay)[NR]) {
    constexpr int wide = Op::columns(NR);
    const int vectors = job.pool.head_dim / V::kLanes;
    int column = 0;
    for (; column + wide <= vectors; column += wide) {
      add_columns<NR, wide, kPrefetch>(keys, first, begin, end, decay, column);
    }
    if constexpr (wide > 2) {
      for (; column + 2 <= vectors; column += 2) add_columns<NR, 2, kPrefetch>(keys, first, begin, end, decay, column);
    }
    if constexpr (wide > 1 && kVectorsPerPage == 1) {
      for (; column < vectors; ++column) add_columns<NR, 1, kPrefetch>(keys, first, begin, end, decay, column);
    }
  }

  template <int NR, int NV, bool kPrefetch>
  LONGHAUL_INLINE void add_columns(const KeyBlock& keys, int first, int begin, int end, const F (&decay)[NR],
                                   int column) {
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
      const std::byte* next = keys.next[page] + tile_offset;
      const A* p = probabilities + page * kStepsPerPage * Op::kPerStep;
      const std::byte* base[NV];
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) base[v] = tile + v * kVectorBytes;
#pragma GCC unroll 2
      for (int s = 0; s < kStepsPerPage; ++s) {
        const size_t offset = static_cast<size_t>(s) * line;
        if constexpr (kPrefetch) {
#pragma GCC unroll 8
          for (int v = 0; v < NV; v += kVectorsPerPage) __builtin_prefetch(next + v * kVectorBytes + offset, 0, 2);
        }
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

  void finish_row(int row, bool several) {
    float* to = job.out + static_cast<size_t>(row / job.group) * job.out_stride +
                static_cast<size_t>(row % job.group) * job.pool.head_dim;
    if (job.lse == nullptr) {
      const RowPart part = split_row(row);
      for (int d = 0; d < job.pool.head_dim; d += V::kLanes) V::store(to + d, V::load(part.values + d));
      job.maxima[row] = part.maximum;
      job.sums[row] = part.sum;
      return;
    }
    const RowTotal total = total_row(row);
    const RowPart sum = several ? RowPart{total.values, total.maximum, total.sum} : split_row(row);
    job.lse[row] = normalise_row<V>(sum, job.pool.head_dim, to);
  }
};

template <class Op>
void run_tile(const TileJob& job) {
  TileKernel<Op> kernel(job);
  kernel.run();
}

}  // namespace
}  // namespace longhaul::attention
