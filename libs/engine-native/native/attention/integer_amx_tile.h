// The tile executor of an int8 pool on the tile registers of AMX: row blocks of sixteen rows, and between both products the
// softmax of integer_rows.h with what it does once a row done for all rows at a time. The integers are the same, and floats
// are added in the same order, so a row gets the bits that integer_tile.h gives. Include it behind the level's `#pragma GCC
// target`, after integer_tile.h.
#pragma once

#include "../cpu/tiles.h"
#include "fetcher.h"
#include "integer_rows.h"
#include "integer_tile.h"

namespace longhaul::attention {
namespace {

constexpr int kTileRowCount = 16;
constexpr int kTileBytes = kTileRowCount * 64;
/** Dimensions of keys that one tile has, and of values. */
constexpr int kKeyTileDims = 64;
constexpr int kValueTileDims = 16;

/** All tiles in full. Sums are in 0 to 3, the left operand in 4, right ones in 5 to 7. */
constexpr cpu::TileConfig kFullTiles({{16, 64}, {16, 64}, {16, 64}, {16, 64}, {16, 64}, {16, 64}, {16, 64}, {16, 64}});

template <class Dot>
struct IntegerAmxTile : IntegerRows<Dot> {
  using Rows = IntegerRows<Dot>;
  using typename Rows::F;
  using typename Rows::V;
  using Rows::dim;
  using Rows::job;
  using Rows::kVectors;
  using Rows::maxima;
  using Rows::query_scales;
  using Rows::rows;
  static_assert(V::kLanes == kTileRowCount && Rows::kVectorsPerPage == 1);

  /** Bytes of a row of queries: a multiple of kKeyTileDims; what is beyond head_dim is 0 and meets bytes of values. */
  const int query_stride;
  /** Rows beyond the last one are there, so that every row block has a whole tile of them. */
  int8_t* queries;
  /** [row][16] the row's start in every column. */
  int32_t* start_rows;
  /** Values of the key block at hand, [group][head_dim / 16] tiles: quads of tokens in the order of Dot::byte_of_quad. */
  std::byte* values;
  /** Of the row block and group at hand: [row][token] products with keys, then logits. */
  float* scores;
  /** [row][token], and [row][64 dims] their products with values. */
  uint8_t* probabilities;
  int32_t* products;
  /** [row][16] the largest logit of each lane. */
  float* tops;
  /** What probabilities of a row are relative to 2^, and what a product with them counts. */
  alignas(64) float shifts[kTileRowCount];
  alignas(64) float factors[kTileRowCount];

  explicit IntegerAmxTile(const TileJob& tile)
      : Rows(tile, kTileRowCount), query_stride((dim + kKeyTileDims - 1) / kKeyTileDims * kKeyTileDims) {
    const size_t padded = static_cast<size_t>(rows) + kTileRowCount;
    const size_t block = static_cast<size_t>(kTileRowCount) * kGroupTokens;
    const size_t query_bytes = padded * static_cast<size_t>(query_stride);
    const size_t value_bytes = static_cast<size_t>(job.block_pages) * kPageTokens * static_cast<size_t>(dim);
    Carver carver(thread_scratch(Rows::carved_bytes() + Carver::rounded(query_bytes) + Carver::rounded(padded * 64) +
                                 Carver::rounded(value_bytes) + 2 * Carver::rounded(block * 4) + Carver::rounded(block) +
                                 Carver::rounded(kTileBytes)));
    Rows::carve(carver);
    queries = carver.template take<int8_t>(query_bytes);
    start_rows = carver.template take<int32_t>(padded * 16);
    values = carver.template take<std::byte>(value_bytes);
    scores = carver.template take<float>(block);
    probabilities = carver.template take<uint8_t>(block);
    products = carver.template take<int32_t>(block);
    tops = carver.template take<float>(kTileRowCount * V::kLanes);
    __builtin_memset(queries, 0, query_bytes);
    __builtin_memset(start_rows, 0, padded * 64);
    __builtin_memset(tops, 0, kTileBytes);
    for (int row = 0; row < rows; ++row) {
      Rows::quantise_query(row, queries + static_cast<size_t>(row) * query_stride);
      for (int i = 0; i < 16; ++i) start_rows[row * 16 + i] = Rows::starts[row];
    }
  }

  /** Also lays the values out as tiles; of groups that are not there in full, the rest is never weighed. */
  void gather(KeyBlock& keys, int begin, int end) {
    Rows::gather(keys, begin, end);
    const int ahead = begin % kGroupPages;
    const size_t line = static_cast<size_t>(dim) * 4;
    for (int page = 0; page < keys.count; ++page) {
      const std::byte* from = keys.slice[page] + key_tile_bytes(KvDtype::kInt8, dim);
      std::byte* to = group_values((page + ahead) / kGroupPages);
      for (int quad = 0; quad < kQuadsPerPage; ++quad) {
        // Row r of a tile has the tokens of bytes 4 * r to 4 * r + 3 of a row of probabilities.
        std::byte* row = to + Dot::byte_of_quad((page + ahead) % kGroupPages * kQuadsPerPage + quad) / 4 * kLine;
        for (int tile = 0; tile < dim / kValueTileDims; ++tile) {
          std::memcpy(row + tile * kTileBytes, from + quad * line + tile * kLine, kLine);
        }
      }
    }
  }

  std::byte* group_values(int group) const { return values + static_cast<size_t>(group) * kGroupTokens * dim; }

  void run_rows(const KeyBlock& keys, int first, int count, bool prefetch) {
    PageList seen{nullptr, 0, keys.count};
    Rows::visible_pages(keys, first, count, seen.begin, seen.end);
    for (int at = Rows::first_group(keys, seen.begin); at < seen.end; at += kGroupPages) {
      const Group group = Rows::group_at(keys, at, seen, first, count);
      const PageList fetched = Rows::fetched_with(group, seen);
      Fetcher fetcher(keys, fetched.begin, fetched.end, slice_bytes(KvDtype::kInt8, dim), static_cast<size_t>(count), prefetch);
      score_group(group, first);
      if (!soften_rows(group, first, count, fetcher)) continue;
      add_values(group_values((at + keys.entry % kGroupPages) / kGroupPages), first, count);
    }
  }

  void score_group(const Group& group, int first) {
    if (group.full()) {
      score_pages<kGroupPages>(group, first, 0);
    } else {
      for (int page = group.begin; page < group.end; ++page) score_pages<1>(group, first, page - group.first);
    }
  }

  /** Products with kCount pages from `page` of the group on. */
  template <int kCount>
  LONGHAUL_INLINE void score_pages(const Group& group, int first, int page) {
    for_tiles<kCount>([&](auto i) { cpu::load_tile<i()>(start_rows + static_cast<size_t>(first) * 16, 64); });
    const int8_t* q = queries + static_cast<size_t>(first) * query_stride;
    for (int d = 0; d < query_stride; d += kKeyTileDims) {
      cpu::load_tile<4>(q + d, query_stride);
      for_tiles<kCount>([&](auto i) {
        constexpr int kRight = 5 + i() % 3;
        cpu::load_tile<kRight>(group.keys.slice[group.first + page + i()] + d * kPageTokens, kLine);
        cpu::dot_signed_unsigned<i(), 4, kRight>();
      });
    }
    for_tiles<kCount>([&](auto i) { cpu::store_tile<i()>(scores + (page + i()) * kPageTokens, kGroupTokens * 4); });
  }

  template <int kCount, int kNext = 0, class Body>
  static LONGHAUL_INLINE void for_tiles(const Body& body) {
    if constexpr (kNext < kCount) {
      body(std::integral_constant<int, kNext>{});
      for_tiles<kCount, kNext + 1>(body);
    }
  }

  /** Scores into probabilities and `factors`, as IntegerRows::soften_row has it; false where every row skips the group. */
  bool soften_rows(const Group& group, int first, int count, Fetcher& fetcher) {
    if (!group.full() || group.masked || job.softcap_log2 > 0.0f) {
      weigh_some(group, first, count);
    } else {
      weigh_all(group, first, count);
    }
    const unsigned all = (1u << count) - 1;
    const unsigned skipped = job.skip_log2 > 0.0f ? skipped_rows(group, first, count) : 0;
    if (skipped == all) return false;
    weigh_maxima(first, all & ~skipped);
    for (unsigned left = skipped; left != 0; left &= left - 1) factors[__builtin_ctz(left)] = 0.0f;
    quantise_probabilities(group, first, count, fetcher);
    return true;
  }

  /** The rows, first + r in bit r, to which the group does not matter. */
  unsigned skipped_rows(const Group& group, int first, int count) const {
    unsigned skipped = 0;
    for (int r = 0; r < count; ++r) skipped |= (Rows::skips_group(group, first + r, scores + r * kGroupTokens) ? 1u : 0u) << r;
    return skipped;
  }

  LONGHAUL_INLINE F score_of(int r, int v) const {
    return Dot::to_float(Dot::load_sums(scores + r * kGroupTokens + v * V::kLanes));
  }

  /** Logits of rows that see all keys of the group, and the largest of each lane. */
  void weigh_all(const Group& group, int first, int count) {
    F scale[kVectors];
    F logarithm[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const SliceScales& scales = Rows::scales_of_vector(group, v);
      scale[v] = V::load(scales.key);
      logarithm[v] = V::load(scales.log2_value);
    }
    for (int r = 0; r < count; ++r) {
      const F query_scale = V::set1(query_scales[first + r]);
      F x[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        x[v] = V::fma(V::mul(score_of(r, v), scale[v]), query_scale, logarithm[v]);
        V::store(scores + r * kGroupTokens + v * V::kLanes, x[v]);
      }
      V::store(tops + r * V::kLanes, V::max(V::max(x[0], x[1]), V::max(x[2], x[3])));
    }
  }

  /** The same where some keys are not there, not seen, or logits are capped. */
  void weigh_some(const Group& group, int first, int count) {
    for (int r = 0; r < count; ++r) {
      float* at = scores + r * kGroupTokens;
      for (int page = group.begin; page < group.end; ++page) {
        const int v = page - group.first;
        V::store(at + v * V::kLanes, V::mul(score_of(r, v), V::load(Rows::scales_of_vector(group, v).key)));
      }
      Rows::weigh_scores(group, first + r, at);
      F top = V::load(at);
      for (int v = 1; v < kVectors; ++v) top = V::max(top, V::load(at + v * V::kLanes));
      V::store(tops + r * V::kLanes, top);
    }
  }

  /** What the probabilities of each row are relative to, and what a product with them counts; one row a lane, in bits. */
  void weigh_maxima(int first, unsigned rows_that_count) {
    const F reached = V::mul(V::set1(0.25f), V::ceil(V::mul(V::set1(4.0f), V::max_of_rows(tops))));
    const F maximum = V::max(reached, V::set1(kNoMaximum));
    const F whole = V::ceil(maximum);
    const F before = V::load(maxima + first);
    unsigned raised = V::greater(whole, before) & rows_that_count;
    const F distance = V::sub(maximum, V::max(before, whole));
    V::store(shifts, maximum);
    V::store(factors, V::mul(exp2_quarters_of<V>(distance), V::set1(1.0f / 255.0f)));
    if (raised == 0) return;
    alignas(64) float higher[V::kLanes];
    V::store(higher, whole);
    for (; raised != 0; raised &= raised - 1) {
      const int r = __builtin_ctz(raised);
      Rows::rescale_row(first + r, exp2_whole(maxima[first + r] - higher[r]));
      maxima[first + r] = higher[r];
    }
  }

  void quantise_probabilities(const Group& group, int first, int count, Fetcher& fetcher) {
    F inverse[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const bool seen = group.first + v >= group.begin && group.first + v < group.end;
      inverse[v] = seen ? V::load(Rows::scales_of_vector(group, v).inverse_value) : V::zero();
    }
    for (int r = 0; r < count; ++r) {
      fetcher.advance(1);
      const F shift = V::set1(shifts[r]);
      F x[kVectors];
      F total = V::zero();
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        x[v] = exp2_255<V>(V::sub(V::load(scores + r * kGroupTokens + v * V::kLanes), shift));
        total = V::fma(x[v], inverse[v], total);
      }
      Dot::store_bytes(probabilities + r * kGroupTokens, x);
      float* sum = Rows::lane_sums + static_cast<size_t>(first + r) * V::kLanes;
      V::store(sum, V::fma(total, V::set1(factors[r]), V::load(sum)));
    }
  }

  void add_values(const std::byte* tiles, int first, int count) {
    cpu::load_tile<4>(probabilities, kGroupTokens);
    int tile = 0;
    for (; tile + 4 <= dim / kValueTileDims; tile += 4) add_columns<4>(tiles, tile, first, count);
    for (; tile < dim / kValueTileDims; ++tile) add_columns<1>(tiles, tile, first, count);
  }

  /** Adds the group's values, kCount tiles of dimensions from `tile` on, to the rows. */
  template <int kCount>
  LONGHAUL_INLINE void add_columns(const std::byte* tiles, int tile, int first, int count) {
    for_tiles<kCount>([&](auto i) {
      constexpr int kRight = 5 + i() % 3;
      cpu::clear_tile<i()>();
      cpu::load_tile<kRight>(tiles + (tile + i()) * kTileBytes, kLine);
      cpu::dot_unsigned_signed<i(), 4, kRight>();
      cpu::store_tile<i()>(products + i() * 16, 4 * kLine);
    });
    for (int r = 0; r < count; ++r) {
      const F factor = V::set1(factors[r]);
      float* out = Rows::output_row(first + r) + tile * kValueTileDims;
#pragma GCC unroll 8
      for (int v = 0; v < kCount; ++v) {
        const F sum = Dot::to_float(Dot::load_sums(products + r * 64 + v * 16));
        V::store(out + v * 16, V::fma(sum, factor, V::load(out + v * 16)));
      }
    }
  }
};

/** Rows that are worth a tile. With fewer of them, products of vectors are as fast, and give the same bits. */
constexpr int kLeastTileRows = 9;

template <class Dot>
void run_integer_amx_tile(const TileJob& job) {
  if (job.tokens * job.group < kLeastTileRows) return run_integer_tile<Dot>(job);
  IntegerAmxTile<Dot> kernel(job);
  const cpu::TileWork work(kFullTiles);
  run_key_blocks(kernel);
  kernel.unrotate_output();
}

}  // namespace
}  // namespace longhaul::attention
