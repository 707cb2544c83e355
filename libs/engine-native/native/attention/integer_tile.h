// The tile executor of an int8 pool: both products in integers, softmax between them in f32. Keys meet queries that are
// quantised per row; probabilities, with the scales of the values folded in, are quantised to bytes against the largest
// of their own row and group of kGroupTokens keys, so that a long flat tail is not rounded away beside a peak elsewhere.
// (The same split into integer QK, f32 softmax, integer PV: SageAttention, arXiv:2410.02367, section 3, there per block
// and with 16-bit PV.)
//
// A row's result depends on its own logits only, as tile_kernel.h has it: groups are cut at multiples of a fixed number
// of pages, integer sums are exact, and a masked key adds nothing. Include it behind the level's `#pragma GCC target`,
// after append_kernel.h and integer_dot.h.
#pragma once

#include "append_kernel.h"
#include "integer_dot.h"
#include "operand.h"
#include "tile_rows.h"

namespace longhaul::attention {
namespace {

/** Keys whose probabilities share a scale. Divides every key block. */
constexpr int kGroupPages = 4;
constexpr int kGroupTokens = kGroupPages * kPageTokens;
/** Rows of a row block, at most; more of them where that is all there are, so that decode reads keys once. */
constexpr int kIntegerRows = 6;
constexpr int kQuadsPerPage = kPageTokens / 4;

template <class Dot>
constexpr int integer_rows_per_block(int rows) {
  return rows <= Dot::kShallowRows ? Dot::kShallowRows : kIntegerRows;
}

/** 2^whole for a whole number of at most 0; 0 below 2^-126. */
inline float exp2_whole(float whole) {
  if (whole < -126.0f) return 0.0f;
  const uint32_t bits = static_cast<uint32_t>(127 + static_cast<int>(whole)) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return power;
}

/** 2^-(quarters / 4). */
constexpr float kQuarters[4] = {1.0f, 0.840896415f, 0.707106781f, 0.594603558f};

/** 2^x for a multiple of 1/4 of at most 0. */
inline float exp2_quarters(float x) {
  const float whole = __builtin_ceilf(x);
  return exp2_whole(whole) * kQuarters[static_cast<int>(4.0f * (whole - x))];
}

/** 255 * 2^x for x <= 0, relative error 1e-4: what a byte can tell, and the sum of thousands of them. */
template <class V>
LONGHAUL_INLINE typename V::F exp2_255(typename V::F x) {
  const typename V::F whole = V::round(x);
  const typename V::F f = V::sub(x, whole);
  typename V::F y = V::set1(255.0f * 0.0551716691f);
  y = V::fma(y, f, V::set1(255.0f * 0.242611122f));
  y = V::fma(y, f, V::set1(255.0f * 0.693260985f));
  y = V::fma(y, f, V::set1(255.0f * 0.999928074f));
  return V::scale_exp2(y, whole);
}

/** The pages of a key block whose probabilities share a scale; pages outside [begin, end) are not there, or not seen. */
struct Group {
  const KeyBlock& keys;
  int first;
  int begin;
  int end;
  bool masked;

  bool full() const { return begin == first && end == first + kGroupPages; }
};

/**
 * Brings the slices of the next key block into L2, a few lines at a time: as many as memory delivers while the processor
 * computes, evenly over all of the computing, or the rest waits for them in the queue of the cache.
 */
class Fetcher {
 public:
  Fetcher(const KeyBlock& keys, int begin, int end, size_t bytes) : keys_(keys), page_(begin), end_(end), bytes_(bytes) {}

  LONGHAUL_INLINE void lines(int count) {
    for (; count > 0 && page_ < end_; --count) {
      __builtin_prefetch(keys_.next[page_] + at_, 0, 2);
      at_ += kLine;
      if (at_ >= bytes_) {
        at_ = 0;
        ++page_;
      }
    }
  }

 private:
  const KeyBlock& keys_;
  int page_;
  int end_;
  size_t bytes_;
  size_t at_ = 0;
};

template <class Dot>
struct IntegerTile : TileRows<typename Dot::V> {
  using V = typename Dot::V;
  using F = typename V::F;
  static constexpr int kVectorBytes = V::kLanes * 4;
  static constexpr int kVectorsPerPage = kPageTokens / V::kLanes;
  static constexpr int kVectors = kGroupPages * kVectorsPerPage;

  using Rows = TileRows<V>;
  using Rows::job;
  using Rows::maxima;
  using Rows::position_of;
  using Rows::rows;

  const int dim;
  const int steps;
  /** Of each row block [step][row][4 dims]. */
  int8_t* queries;
  float* query_scales;
  /** What a row's product with unsigned keys starts from: -128 times the sum of its bytes. */
  int32_t* starts;
  /** [rows][V::kLanes] exponentials by lane, relative to 2^maximum. */
  float* lane_sums;
  /** Of the row block and group at hand: [row][token], logits over the query's scale, then 255 times probabilities. */
  float* scores;
  uint8_t* probabilities;
  float factors[Dot::kShallowRows];

  explicit IntegerTile(const TileJob& tile)
      : Rows(tile, integer_rows_per_block<Dot>(tile.tokens * tile.group)),
        dim(tile.pool.head_dim),
        steps(tile.pool.head_dim / 4) {
    const size_t count = static_cast<size_t>(rows);
    const size_t block = static_cast<size_t>(Dot::kShallowRows) * kGroupTokens;
    Carver carver(thread_scratch(Rows::carved_bytes() + Carver::rounded(Rows::matrix_floats()) +
                                 2 * Carver::rounded(count * 4) + Carver::rounded(count * V::kLanes * 4) +
                                 Carver::rounded(block * 4) + Carver::rounded(block)));
    Rows::carve(carver);
    queries = carver.take<int8_t>(Rows::matrix_floats());
    query_scales = carver.take<float>(count);
    starts = carver.take<int32_t>(count);
    lane_sums = carver.take<float>(count * V::kLanes);
    scores = carver.take<float>(block);
    probabilities = carver.take<uint8_t>(block);
    for (int i = 0; i < Rows::blocks; ++i) pack_block(Rows::first_row_of(i), Rows::first_row_of(i + 1));
  }

  void pack_block(int first, int last) {
    alignas(64) int8_t bytes[kMaxHeadDim];
    int8_t* to = queries + static_cast<size_t>(first) * dim;
    const int count = last - first;
    for (int r = 0; r < count; ++r) {
      query_scales[first + r] = quantise_row(Rows::query_row(first + r), dim, bytes);
      int32_t sum = 0;
      for (int d = 0; d < dim; ++d) sum += bytes[d];
      starts[first + r] = -128 * sum;
      for (int s = 0; s < steps; ++s) std::memcpy(to + (s * count + r) * 4, bytes + 4 * s, 4);
    }
  }

  void begin_split() {
    Rows::clear_split();
    __builtin_memset(lane_sums, 0, static_cast<size_t>(rows) * V::kLanes * 4);
  }

  void end_split() {
    for (int row = 0; row < rows; ++row) Rows::sums[row] = V::reduce_add(V::load(lane_sums + row * V::kLanes));
  }

  void run_rows(const KeyBlock& keys, int first, int count, bool prefetch) {
    switch (count) {
      case 1:
        return run_block<1>(keys, first, prefetch);
      case 2:
        return run_block<2>(keys, first, prefetch);
      case 3:
        return run_block<3>(keys, first, prefetch);
      case 4:
        return run_block<4>(keys, first, prefetch);
      case 5:
        return run_block<5>(keys, first, prefetch);
      case 6:
        return run_block<6>(keys, first, prefetch);
      default:
        break;
    }
    if constexpr (Dot::kShallowRows > 6) {
      if (count == 7) return run_block<7>(keys, first, prefetch);
      return run_block<8>(keys, first, prefetch);
    }
  }

  template <int NR>
  void run_block(const KeyBlock& keys, int first, bool prefetch) {
    int begin = 0;
    int end = keys.count;
    Rows::visible_pages(keys, first, NR, begin, end);
    // Groups are cut at multiples of the list's entries, wherever the block begins; the first may begin before it.
    const int ahead = keys.entry % kGroupPages;
    for (int group = (begin + ahead) / kGroupPages * kGroupPages - ahead; group < end; group += kGroupPages) {
      Group pages{keys, group, begin > group ? begin : group, end, false};
      if (pages.end > group + kGroupPages) pages.end = group + kGroupPages;
      for (int page = pages.begin; page < pages.end; ++page) {
        pages.masked = pages.masked || Rows::needs_mask(keys, page, first, NR);
      }
      Fetcher fetcher(keys, pages.begin, prefetch ? pages.end : pages.begin, slice_bytes(KvDtype::kInt8, dim));
      if (prefetch) {
        score_group<NR, true>(pages, first, fetcher);
      } else {
        score_group<NR, false>(pages, first, fetcher);
      }
      for (int r = 0; r < NR; ++r) {
        if (prefetch) fetcher.lines(dim * kGroupPages / 32 / NR + 4);
        factors[r] = soften_row(pages, first + r, r);
      }
      if (prefetch) {
        add_values<NR, true>(pages, first, fetcher);
      } else {
        add_values<NR, false>(pages, first, fetcher);
      }
    }
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
      if constexpr (kPrefetch) fetcher.lines(1);
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

  const SliceScales& scales_of_vector(const Group& group, int vector) const {
    return scales_of(group.keys.slice[group.first + vector / kVectorsPerPage], dim);
  }

  static constexpr int lane_of(int vector) { return vector % kVectorsPerPage * V::kLanes; }

  /** Logits in units of log2, with the logarithm of the value's scale added: what weighs a value's bytes. */
  void weigh_scores(const Group& group, int row, int r) {
    float* at = scores + r * kGroupTokens;
    const F scale = V::set1(query_scales[row]);
    const F cap = V::set1(job.softcap_log2);
    for (int v = 0; v < kVectors; ++v) {
      const int page = group.first + v / kVectorsPerPage;
      if (page < group.begin || page >= group.end) {
        V::store(at + v * V::kLanes, V::set1(kMasked));
        continue;
      }
      const F x = V::load(at + v * V::kLanes);
      const F logarithm = V::load(scales_of_vector(group, v).log2_value + lane_of(v));
      V::store(at + v * V::kLanes, job.softcap_log2 > 0.0f
                                       ? V::fma(cap, tanh_approximation<V>(V::mul(x, scale)), logarithm)
                                       : V::fma(x, scale, logarithm));
    }
    for (int page = group.begin; page < group.end; ++page) {
      const int newest = position_of(row) - group.keys.logical[page] * kPageTokens;
      const int oldest = job.window > 0 ? newest - job.window + 1 : -1;
      float* tokens = at + (page - group.first) * kPageTokens;
      for (int i = 0; i < kPageTokens; ++i) tokens[i] = i <= newest && i >= oldest ? tokens[i] : kMasked;
    }
  }

  /** Turns a row of scores into bytes of probabilities; returns what a product with them counts. */
  LONGHAUL_INLINE float soften_row(const Group& group, int row, int r) {
    const float* from = scores + r * kGroupTokens;
    F x[kVectors];
    if (!group.full() || group.masked || job.softcap_log2 > 0.0f) {
      weigh_scores(group, row, r);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) x[v] = V::load(from + v * V::kLanes);
    } else {
      const F scale = V::set1(query_scales[row]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        const F logarithm = V::load(scales_of_vector(group, v).log2_value + lane_of(v));
        x[v] = V::fma(V::load(from + v * V::kLanes), scale, logarithm);
      }
    }
    F top = x[0];
#pragma GCC unroll 8
    for (int v = 1; v < kVectors; ++v) top = V::max(top, x[v]);
    // Rounded up to a quarter: near enough to use all of a byte, and its power is a product of two known ones.
    const float reached = 0.25f * __builtin_ceilf(4.0f * V::reduce_max(top));
    const float maximum = reached > kNoMaximum ? reached : kNoMaximum;
    const F shift = V::set1(maximum);
    F total = V::zero();
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      x[v] = exp2_255<V>(V::sub(x[v], shift));
      const int page = group.first + v / kVectorsPerPage;
      if (page < group.begin || page >= group.end) continue;
      total = V::fma(x[v], V::load(scales_of_vector(group, v).inverse_value + lane_of(v)), total);
    }
    Dot::store_bytes(probabilities + r * kGroupTokens, x);
    return add_to_sum(row, maximum, total);
  }

  /**
   * Adds 255 times a group's exponentials, relative to 2^maximum; returns 2^maximum over 2^(the row's) and 255. The row's
   * maximum is a whole number, so that rescaling is exact.
   */
  LONGHAUL_INLINE float add_to_sum(int row, float maximum, F total) {
    const float whole = __builtin_ceilf(maximum);
    if (whole > maxima[row]) {
      rescale_row(row, exp2_whole(maxima[row] - whole));
      maxima[row] = whole;
    }
    const float factor = exp2_quarters(maximum - maxima[row]) * (1.0f / 255.0f);
    float* sum = lane_sums + row * V::kLanes;
    V::store(sum, V::fma(total, V::set1(factor), V::load(sum)));
    return factor;
  }

  void rescale_row(int row, float factor) {
    const F scale = V::set1(factor);
    float* out = Rows::output_row(row);
    for (int d = 0; d < dim; d += V::kLanes) V::store(out + d, V::mul(V::load(out + d), scale));
    float* sum = lane_sums + row * V::kLanes;
    V::store(sum, V::mul(V::load(sum), scale));
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
        if constexpr (kPrefetch) fetcher.lines(1);
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
  // A split stays rotated: its sums are merged as they are.
  if (job.lse == nullptr) return;
  for (int row = 0; row < kernel.rows; ++row) {
    rotate_head(job.out + static_cast<size_t>(row / job.group) * job.out_stride +
                    static_cast<size_t>(row % job.group) * job.pool.head_dim,
                job.pool.head_dim);
  }
}

/** KernelTable::merge_row of splits of an int8 pool. */
template <class V>
float merge_integer_parts(const RowPart* parts, int count, int head_dim, float* out) {
  const float lse = merge_parts<V>(parts, count, head_dim, out);
  rotate_head(out, head_dim);
  return lse;
}

}  // namespace
}  // namespace longhaul::attention
