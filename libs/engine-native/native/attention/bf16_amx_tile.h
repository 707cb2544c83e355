// The tile executor on AMX: both products of a bf16 pool by tiles of 16 x 16 sums, up to 32 query rows at a time, softmax
// between them as everywhere. The K tile of a page, [head_dim / 2][16 tokens][2 dims], is the right operand as it lies, and
// so is its V tile, [16 tokens / 2][head_dim][2 tokens]: nothing is copied.
//
// A row of a product depends on nothing but itself and the right operand, and products are cut the same way for any number
// of rows (32 dimensions, one page), so that bits are the same in a chunk of any size and in decode. Include it behind the
// level's `#pragma GCC target`.
#pragma once

#include "cpu/tiles.h"
#include "softmax_rows.h"

namespace longhaul::attention {
namespace {

constexpr int kTileRows16 = 16;
constexpr int kAmxRows = 2 * kTileRows16;
/** Dimensions that one product sums over. */
constexpr int kAmxDims = 32;

/** Whether heads of this size can be cut into products. */
constexpr bool fits_amx(int head_dim) { return head_dim % kAmxDims == 0; }

template <class Op>
struct AmxTile : SoftmaxRows<Op, kAmxRows> {
  using V = typename Op::V;
  using F = typename Op::F;
  using Rows = SoftmaxRows<Op, kAmxRows>;
  using Rows::blocks;
  using Rows::first_row_of;
  using Rows::job;
  using Rows::kProbabilityStride;
  using Rows::logits;
  using Rows::outputs;
  using Rows::probabilities;
  using Rows::rows;

  // Sums, left operands (a tile of 16 rows each), right operands (a page or 16 dimensions each).
  static constexpr int kLeft0 = 4, kLeft1 = 5, kRight0 = 6, kRight1 = 7;

  const int dim;
  const size_t value_offset;
  /** Rows of a tile register: all there are, or 16. */
  const int tile_rows;
  /** [row][dim] bf16. */
  uint32_t* queries;
  /** [kAmxRows][kAmxDims] sums of values. */
  float* sums_of_values;

  explicit AmxTile(const TileJob& tile)
      : Rows(tile, kAmxRows), dim(tile.pool.head_dim), value_offset(key_tile_bytes(tile.pool.dtype, dim)),
        tile_rows(Rows::rows < kTileRows16 ? Rows::rows : kTileRows16) {
    // The last row block may be short of a tile: what is behind its queries is computed and not used.
    const size_t padded = (Rows::matrix_floats() + static_cast<size_t>(kAmxRows) * dim) / 2;
    const size_t values = static_cast<size_t>(kAmxRows) * kAmxDims;
    Carver carver(thread_scratch(Rows::carved_bytes() + Carver::rounded(padded * 4) + Carver::rounded(values * 4)));
    Rows::carve(carver);
    queries = carver.template take<uint32_t>(padded);
    sums_of_values = carver.template take<float>(values);
    for (int row = 0; row < rows; ++row) {
      for (int d = 0; d < dim; d += V::kLanes) {
        V::store_bf16(queries + (static_cast<size_t>(row) * dim + d) / 2, V::load(Rows::query_row(row) + d));
      }
    }
    std::memset(queries + static_cast<size_t>(rows) * dim / 2, 0, static_cast<size_t>(kAmxRows) * dim * 2);
  }

  /** Of products that sum over so many pairs: 16 for keys (32 dimensions), 8 for values (the tokens of a page). */
  cpu::TileConfig shapes(uint8_t pairs) const {
    const auto count = static_cast<uint8_t>(tile_rows);
    const cpu::TileShape sums{count, 64}, left{count, static_cast<uint8_t>(4 * pairs)}, right{pairs, 64};
    return cpu::TileConfig({sums, sums, sums, sums, left, left, right, right});
  }

  void begin_split() { Rows::clear_split(); }
  void end_split() {}

  void run_rows(const KeyBlock& keys, int first, int count, bool prefetch) {
    if (count > kTileRows16) return run_block<2>(keys, first, count, prefetch);
    run_block<1>(keys, first, count, prefetch);
  }

  template <int kTiles>
  void run_block(const KeyBlock& keys, int first, int count, bool prefetch) {
    int begin = 0;
    int end = keys.count;
    Rows::visible_pages(keys, first, count, begin, end);
    if (begin == end) return;
    const size_t work = static_cast<size_t>(end - begin) * (2 * work_of_page(kTiles) + static_cast<size_t>(count) * kSoftmaxWork);
    Fetcher fetcher(keys, 0, keys.count, slice_bytes(job.pool.dtype, dim), work, prefetch);
    score_pages<kTiles>(keys, first, begin, end, fetcher);
    Rows::bound_logits(keys, first, count, begin, end);
    const uint32_t skipped = Rows::skipped_rows(first, count, begin, end);
    if (skipped == ~uint32_t{0} >> (32 - count)) return;
    F decay[kAmxRows];
    for (int r = 0; r < count; ++r) {
      if ((skipped >> r & 1u) != 0) {
        decay[r] = Rows::skip_row(r, begin, end);
        continue;
      }
      decay[r] = prefetch ? Rows::template soften_row<true>(first + r, r, begin, end, fetcher)
                          : Rows::template soften_row<false>(first + r, r, begin, end, fetcher);
    }
    add_values<kTiles>(keys, first, count, {nullptr, begin, end}, decay, fetcher);
  }

  /** What Fetcher counts of one product of a page, about: two instructions a cycle. */
  uint32_t work_of_page(int tiles) const { return static_cast<uint32_t>(tiles * tile_rows * dim / 8); }

  template <int kTiles>
  void score_pages(const KeyBlock& keys, int first, int begin, int end, Fetcher& fetcher) {
    const cpu::TileWork tiles(shapes(16));
    int page = begin;
    for (; page + 2 <= end; page += 2) {
      score<kTiles, 2>(keys, first, page);
      fetcher.advance(2 * work_of_page(kTiles));
    }
    if (page < end) {
      score<kTiles, 1>(keys, first, page);
      fetcher.advance(work_of_page(kTiles));
    }
  }

  /** Logits of the tiles' rows and kPages pages. */
  template <int kTiles, int kPages>
  LONGHAUL_INLINE void score(const KeyBlock& keys, int first, int page) {
    clear_sums<kTiles, kPages>();
    const ptrdiff_t stride = dim * 2;
    const auto* q = reinterpret_cast<const std::byte*>(queries) + first * stride;
    for (int d = 0; d < dim; d += kAmxDims) {
      const size_t at = static_cast<size_t>(d / 2) * kLine;
      cpu::load_tile<kRight0>(keys.slice[page] + at, kLine);
      if constexpr (kPages > 1) cpu::load_tile<kRight1>(keys.slice[page + 1] + at, kLine);
      cpu::load_tile<kLeft0>(q + 2 * d, stride);
      if constexpr (kTiles > 1) cpu::load_tile<kLeft1>(q + kTileRows16 * stride + 2 * d, stride);
      multiply<kTiles, kPages>();
    }
    store_sums<kTiles, kPages>(logits + page * kPageTokens, kLogitStride);
  }

  template <int kTiles>
  void add_values(const KeyBlock& keys, int first, int count, PageList pages, const F* decay, Fetcher& fetcher) {
    const cpu::TileWork tiles(shapes(8));
    for (int d = 0; d < dim; d += kAmxDims) {
      clear_sums<kTiles, 2>();
      for (int page = pages.begin; page < pages.end; ++page) {
        add_page<kTiles>(keys.slice[page] + value_offset + static_cast<size_t>(d) * 4, page);
        fetcher.advance(work_of_page(kTiles) * kAmxDims / static_cast<uint32_t>(dim));
      }
      store_sums<kTiles, 2>(sums_of_values, kAmxDims);
      for (int r = 0; r < count; ++r) add_row(Rows::output_row(first + r) + d, sums_of_values + r * kAmxDims, decay[r]);
    }
  }

  /** Adds a page's values, 32 dimensions of them, times the probabilities of the tiles' rows. */
  template <int kTiles>
  LONGHAUL_INLINE void add_page(const std::byte* values, int page) {
    const ptrdiff_t line = dim * 4, stride = kProbabilityStride * 4;
    const auto* p = reinterpret_cast<const std::byte*>(probabilities) + page * kPageTokens * 2;
    cpu::load_tile<kRight0>(values, line);
    cpu::load_tile<kRight1>(values + kLine, line);
    cpu::load_tile<kLeft0>(p, stride);
    if constexpr (kTiles > 1) cpu::load_tile<kLeft1>(p + kTileRows16 * stride, stride);
    multiply<kTiles, 2>();
  }

  static LONGHAUL_INLINE void add_row(float* out, const float* sums, F decay) {
    for (int d = 0; d < kAmxDims; d += V::kLanes) V::store(out + d, V::fma(V::load(out + d), decay, V::load(sums + d)));
  }

  /** The sums of row tile t and right operand n are tile 2 t + n. */
  template <int kTiles, int kRights>
  static LONGHAUL_INLINE void clear_sums() {
    cpu::clear_tile<0>();
    if constexpr (kRights > 1) cpu::clear_tile<1>();
    if constexpr (kTiles > 1) cpu::clear_tile<2>();
    if constexpr (kTiles > 1 && kRights > 1) cpu::clear_tile<3>();
  }

  template <int kTiles, int kRights>
  static LONGHAUL_INLINE void multiply() {
    cpu::dot_bf16<0, kLeft0, kRight0>();
    if constexpr (kTiles > 1) cpu::dot_bf16<2, kLeft1, kRight0>();
    if constexpr (kRights > 1) cpu::dot_bf16<1, kLeft0, kRight1>();
    if constexpr (kTiles > 1 && kRights > 1) cpu::dot_bf16<3, kLeft1, kRight1>();
  }

  /** Writes sums of 16 columns a right operand to rows of `stride` floats. */
  template <int kTiles, int kRights>
  static LONGHAUL_INLINE void store_sums(float* to, int stride) {
    float* below = to + kTileRows16 * stride;
    cpu::store_tile<0>(to, stride * 4);
    if constexpr (kRights > 1) cpu::store_tile<1>(to + 16, stride * 4);
    if constexpr (kTiles > 1) cpu::store_tile<2>(below, stride * 4);
    if constexpr (kTiles > 1 && kRights > 1) cpu::store_tile<3>(below + 16, stride * 4);
  }
};

template <class Op>
void run_amx_tile(const TileJob& job) {
  AmxTile<Op> kernel(job);
  run_key_blocks(kernel);
}

}  // namespace
}  // namespace longhaul::attention
