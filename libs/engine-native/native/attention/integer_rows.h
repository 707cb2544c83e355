// What the tile executors of an int8 pool have in common: groups of keys, queries in bytes, and the softmax between both
// products. Probabilities, with the scales of the values folded in, are quantised to bytes against the largest of their own
// row and group, so that a long flat tail is not rounded away beside a peak elsewhere. Include it behind the level's
// `#pragma GCC target`, after append_kernel.h.
#pragma once

#include "append_kernel.h"
#include "integer_dot.h"
#include "integer_exp2.h"
#include "operand.h"
#include "tile_rows.h"
#include "weighted_rounding.h"

namespace longhaul::attention {
namespace {

/** Keys whose probabilities share a scale. Divides every key block. */
constexpr int kGroupPages = 4;
constexpr int kGroupTokens = kGroupPages * kPageTokens;
constexpr int kQuadsPerPage = kPageTokens / 4;

/** The pages of a key block whose probabilities share a scale; pages outside [begin, end) are not there, or not seen. */
struct Group {
  const KeyBlock& keys;
  int first;
  int begin;
  int end;
  bool masked;

  bool full() const { return begin == first && end == first + kGroupPages; }
};

/** The rows of a tile over an int8 pool. */
template <class Dot>
struct IntegerRows : TileRows<typename Dot::V> {
  using V = typename Dot::V;
  using F = typename V::F;
  static constexpr int kVectorsPerPage = kPageTokens / V::kLanes;
  static constexpr int kVectors = kGroupPages * kVectorsPerPage;

  using Rows = TileRows<V>;
  using Rows::job;
  using Rows::maxima;
  using Rows::rows;

  const int dim;
  float* query_scales;
  /** What a row's product with unsigned keys starts from: -128 times the sum of its bytes. */
  int32_t* starts;
  /** The largest logit so far; kept where TileJob::skip_log2 asks for it. */
  float* reached;
  /** [rows][V::kLanes] exponentials by lane, relative to 2^maximum. */
  float* lane_sums;

  IntegerRows(const TileJob& tile, int rows_per_block) : Rows(tile, rows_per_block), dim(tile.pool.head_dim) {}

  /** Bytes that `carve` takes. */
  size_t carved_bytes() const {
    const size_t count = static_cast<size_t>(rows);
    return Rows::carved_bytes() + 3 * Carver::rounded(count * 4) + Carver::rounded(count * V::kLanes * 4);
  }

  void carve(Carver& carver) {
    const size_t count = static_cast<size_t>(rows);
    Rows::carve(carver);
    query_scales = carver.template take<float>(count);
    starts = carver.template take<int32_t>(count);
    reached = carver.template take<float>(count);
    lane_sums = carver.template take<float>(count * V::kLanes);
  }

  /** Quantises the query of a row to `bytes` ([dim]); notes its scale and start. */
  void quantise_query(int row, int8_t* bytes) {
    query_scales[row] = quantise_rotated_row(Rows::query_row(row), dim, bytes);
    int32_t sum = 0;
    for (int d = 0; d < dim; ++d) sum += bytes[d];
    starts[row] = -128 * sum;
  }

  void begin_split() {
    Rows::clear_split();
    for (int row = 0; row < rows; ++row) reached[row] = kMasked;
    __builtin_memset(lane_sums, 0, static_cast<size_t>(rows) * V::kLanes * 4);
  }

  void end_split() {
    for (int row = 0; row < rows; ++row) Rows::sums[row] = V::reduce_add(V::load(lane_sums + row * V::kLanes));
  }

  /** The first group of which a page from `begin` on is part: groups are cut at multiples of the list's entries. */
  static int first_group(const KeyBlock& keys, int begin) {
    const int ahead = keys.entry % kGroupPages;
    return (begin + ahead) / kGroupPages * kGroupPages - ahead;
  }

  /** The group from `group` on, of whose pages rows [first, first + count) see [begin, end). */
  LONGHAUL_INLINE Group group_at(const KeyBlock& keys, int group, PageList seen, int first, int count) const {
    Group pages{keys, group, seen.begin > group ? seen.begin : group, seen.end, false};
    if (pages.end > group + kGroupPages) pages.end = group + kGroupPages;
    for (int page = pages.begin; page < pages.end; ++page) {
      pages.masked = pages.masked || Rows::needs_mask(keys, page, first, count);
    }
    return pages;
  }

  /** The pages of a key block whose successors are fetched with a group: a page that no row sees brings its own, too. */
  static PageList fetched_with(const Group& group, PageList seen) {
    return {nullptr, group.begin == seen.begin ? 0 : group.begin, group.end == seen.end ? group.keys.count : group.end};
  }

  const SliceScales& scales_of_vector(const Group& group, int vector) const {
    return scales_of(group.keys.slice[group.first + vector / kVectorsPerPage], dim);
  }

  static constexpr int lane_of(int vector) { return vector % kVectorsPerPage * V::kLanes; }

  /**
   * Turns a row of scores, [kGroupTokens] products over the query's scale, into logits in units of log2, with the logarithm
   * of the value's scale added (what weighs a value's bytes); kMasked where the row does not see the key, or there is none.
   */
  __attribute__((noinline)) void weigh_scores(const Group& group, int row, float* scores) const {
    const F scale = V::set1(query_scales[row]);
    const F cap = V::set1(job.softcap_log2);
    for (int v = 0; v < kVectors; ++v) {
      float* at = scores + v * V::kLanes;
      const int page = group.first + v / kVectorsPerPage;
      if (page < group.begin || page >= group.end) {
        V::store(at, V::set1(kMasked));
        continue;
      }
      const F logarithm = V::load(scales_of_vector(group, v).log2_value + lane_of(v));
      const F x = job.softcap_log2 > 0.0f ? V::fma(cap, tanh_approximation<V>(V::mul(V::load(at), scale)), logarithm)
                                          : V::fma(V::load(at), scale, logarithm);
      const unsigned seen = Rows::seen_tokens(group.keys, page, row);
      V::store(at, V::keep_lanes(x, seen >> lane_of(v), V::set1(kMasked)));
    }
  }

  /**
   * Whether the keys of a group do not matter to a row, see TileJob::skip_log2. By logits as such: x has the values' scales
   * in it, and a key that takes most of the softmax often has a small value.
   */
  __attribute__((noinline)) bool skips_group(const Group& group, int row, const float* x) const {
    F top = V::set1(kMasked);
    for (int v = 0; v < kVectors; ++v) {
      const int page = group.first + v / kVectorsPerPage;
      if (page < group.begin || page >= group.end) continue;
      const F logit = V::sub(V::load(x + v * V::kLanes), V::load(scales_of_vector(group, v).log2_value + lane_of(v)));
      top = V::max(top, fault_on_top<V>(logit));
    }
    const float highest = V::reduce_max(top);
    if (highest < reached[row] - job.skip_log2) return true;
    if (highest > reached[row]) reached[row] = highest;
    return false;
  }

  /**
   * Turns a row of scores, see weigh_scores, into bytes of probabilities; returns what a product with them counts: 0
   * where the group is skipped, then they are left alone. The scores are used up.
   */
  LONGHAUL_INLINE float soften_row(const Group& group, int row, float* scores, uint8_t* probabilities) {
    F x[kVectors];
    if (!group.full() || group.masked || job.softcap_log2 > 0.0f) {
      weigh_scores(group, row, scores);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) x[v] = V::load(scores + v * V::kLanes);
    } else {
      const F scale = V::set1(query_scales[row]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        const F logarithm = V::load(scales_of_vector(group, v).log2_value + lane_of(v));
        x[v] = V::fma(V::load(scores + v * V::kLanes), scale, logarithm);
      }
    }
    if (job.skip_log2 > 0.0f) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) V::store(scores + v * V::kLanes, x[v]);
      if (skips_group(group, row, scores)) return 0.0f;
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
    Dot::store_bytes(probabilities, x);
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

  /** Turns the normalised rows back; a split stays rotated: its sums are merged as they are. */
  void unrotate_output() const {
    if (job.lse == nullptr) return;
    for (int row = 0; row < rows; ++row) {
      rotate_head(job.out + static_cast<size_t>(row / job.group) * job.out_stride + static_cast<size_t>(row % job.group) * dim, dim);
    }
  }
};

/** KernelTable::merge_row of splits of an int8 pool. */
template <class V>
float merge_integer_parts(const RowPart* parts, int count, int head_dim, float* out) {
  const float lse = merge_parts<V>(parts, count, head_dim, out);
  rotate_head(out, head_dim);
  return lse;
}

}  // namespace
}  // namespace longhaul::attention
