// Products of a tile of queries with a page's keys, both laid out alike, token by token: lane r of a sum is q_r·k_r. A step
// takes one dword of V::kLanes tokens, and the queries of kRows rows lie side by side. Include it behind the level's `#pragma GCC target` and its Vec; internal linkage.
#pragma once

#include <cstring>

#include "../bf16.h"
#include "../kv_layout.h"

#ifndef LONGHAUL_INLINE
#define LONGHAUL_INLINE inline __attribute__((always_inline))
#endif

namespace longhaul::attention {
namespace {

/** f32 keys. */
template <class Vec>
struct FlatSingle {
  using V = Vec;
  using F = typename V::F;
  using Acc = F;
  /** Elements of a tile of queries, and how many a step has of them. */
  using Query = float;
  static constexpr int kStepQueries = V::kLanes;
  /** Dimensions of a step. */
  static constexpr int kDims = 1;
  /** Rows of queries and vectors of keys that are multiplied at a time. */
  static constexpr int kRows = V::kLanes == 16 ? 4 : 2;
  static constexpr int kPages = 4;
  /** Keys are scaled token by token, queries together; sums start from what makes up for unsigned keys. */
  static constexpr bool kScaled = false;

  static LONGHAUL_INLINE Acc start(const int32_t*) { return V::zero(); }
  static LONGHAUL_INLINE F to_float(const Acc& acc) { return acc; }
  static LONGHAUL_INLINE void pack(Query* step, int lane, const float* x) { step[lane] = x[0]; }

  template <int NR, int NP>
  static LONGHAUL_INLINE void step(Acc (&acc)[NR][NP], const Query* q, const std::byte* const (&keys)[NP], size_t offset) {
    F y[NP];
#pragma GCC unroll 4
    for (int p = 0; p < NP; ++p) y[p] = V::load(keys[p] + offset);
#pragma GCC unroll 4
    for (int r = 0; r < NR; ++r) {
      const F x = V::load(q + r * kStepQueries);
#pragma GCC unroll 4
      for (int p = 0; p < NP; ++p) V::accumulate(acc[r][p], x, y[p]);
    }
  }
};

/** bf16 keys, f32 queries. */
template <class Vec>
struct FlatPairFma {
  using V = Vec;
  using F = typename V::F;
  using Acc = F;
  using Query = float;
  static constexpr int kStepQueries = 2 * V::kLanes;
  static constexpr int kDims = 2;
  static constexpr int kRows = V::kLanes == 16 ? 4 : 2;
  static constexpr int kPages = 4;
  static constexpr bool kScaled = false;

  static LONGHAUL_INLINE Acc start(const int32_t*) { return V::zero(); }
  static LONGHAUL_INLINE F to_float(const Acc& acc) { return acc; }
  static LONGHAUL_INLINE void pack(Query* step, int lane, const float* x) {
    step[lane] = x[0];
    step[V::kLanes + lane] = x[1];
  }

  template <int NR, int NP>
  static LONGHAUL_INLINE void step(Acc (&acc)[NR][NP], const Query* q, const std::byte* const (&keys)[NP], size_t offset) {
    F y[NP];
#pragma GCC unroll 4
    for (int p = 0; p < NP; ++p) y[p] = V::pair_low(keys[p] + offset);
    add_rows(acc, q, y);
#pragma GCC unroll 4
    for (int p = 0; p < NP; ++p) y[p] = V::pair_high(keys[p] + offset);
    add_rows(acc, q + V::kLanes, y);
  }

 private:
  template <int NR, int NP>
  static LONGHAUL_INLINE void add_rows(Acc (&acc)[NR][NP], const Query* q, const F (&y)[NP]) {
#pragma GCC unroll 4
    for (int r = 0; r < NR; ++r) {
      const F x = V::load(q + r * kStepQueries);
#pragma GCC unroll 4
      for (int p = 0; p < NP; ++p) V::accumulate(acc[r][p], x, y[p]);
    }
  }
};

/** bf16 keys and queries: one dot-product instruction a step. */
template <class Vec>
struct FlatPairDot {
  using V = Vec;
  using F = typename V::F;
  using Acc = F;
  using Query = uint32_t;
  static constexpr int kStepQueries = V::kLanes;
  static constexpr int kDims = 2;
  static constexpr int kRows = 4;
  static constexpr int kPages = 4;
  static constexpr bool kScaled = false;

  static LONGHAUL_INLINE Acc start(const int32_t*) { return V::zero(); }
  static LONGHAUL_INLINE F to_float(const Acc& acc) { return acc; }
  static LONGHAUL_INLINE void pack(Query* step, int lane, const float* x) { step[lane] = bf16_pair(x[0], x[1]); }

  template <int NR, int NP>
  static LONGHAUL_INLINE void step(Acc (&acc)[NR][NP], const Query* q, const std::byte* const (&keys)[NP], size_t offset) {
    F y[NP];
#pragma GCC unroll 4
    for (int p = 0; p < NP; ++p) y[p] = V::load(keys[p] + offset);
#pragma GCC unroll 4
    for (int r = 0; r < NR; ++r) {
      const F x = V::load(q + r * kStepQueries);
#pragma GCC unroll 4
      for (int p = 0; p < NP; ++p) acc[r][p] = V::dot_pairs(acc[r][p], x, y[p]);
    }
  }
};

#ifdef LONGHAUL_INTEGER_512

/** int8 keys (unsigned bytes, value + 128), signed bytes of queries. */
struct FlatBytes512 {
  using V = Vec512;
  using F = V::F;
  using Acc = Dot512::Acc;
  using Query = int8_t;
  static constexpr int kStepQueries = 64;
  static constexpr int kDims = 4;
  static constexpr int kRows = 4;
  static constexpr int kPages = 4;
  static constexpr bool kScaled = true;

  /** [16] */
  static LONGHAUL_INLINE Acc start(const int32_t* lanes) { return Dot512::load_sums(lanes); }
  static LONGHAUL_INLINE F to_float(const Acc& acc) { return Dot512::to_float(acc); }
  static LONGHAUL_INLINE void pack(Query* step, int lane, const int8_t* x) { std::memcpy(step + 4 * lane, x, 4); }

  template <int NR, int NP>
  static LONGHAUL_INLINE void step(Acc (&acc)[NR][NP], const Query* q, const std::byte* const (&keys)[NP], size_t offset) {
    Dot512::Bytes y[NP];
#pragma GCC unroll 4
    for (int p = 0; p < NP; ++p) y[p] = Dot512::load_keys(keys[p] + offset);
#pragma GCC unroll 4
    for (int r = 0; r < NR; ++r) {
      const auto x = Dot512::load_values(q + r * kStepQueries);
#pragma GCC unroll 4
      for (int p = 0; p < NP; ++p) dot(acc[r][p], y[p], x);
    }
  }

 private:
#ifdef LONGHAUL_EMULATE_AVX512
  static void dot(Acc& acc, const Dot512::Bytes& keys, const Dot512::Bytes& queries) {
    for (int i = 0; i < 64; ++i) acc[i / 4] += int32_t{keys.lane[i]} * static_cast<int8_t>(queries.lane[i]);
  }
#else
  static LONGHAUL_INLINE void dot(Acc& acc, __m512i keys, __m512i queries) { Dot512::dot_values(acc, keys, queries); }
#endif
};

#endif

#ifdef LONGHAUL_INTEGER_256

/** The same without byte products: bytes are widened to 16 bits, queries once and for all. */
struct FlatBytes256 {
  using V = Vec256;
  using F = V::F;
  struct Acc {
    __m256i low, high;
  };
  using Query = int16_t;
  static constexpr int kStepQueries = 32;
  static constexpr int kDims = 4;
  static constexpr int kRows = 2;
  static constexpr int kPages = 2;
  static constexpr bool kScaled = true;

  /** [8], each in one of the two sums that are joined. */
  static LONGHAUL_INLINE Acc start(const int32_t* lanes) {
    const auto* four = reinterpret_cast<const __m128i*>(lanes);
    return {_mm256_cvtepu32_epi64(_mm_loadu_si128(four)), _mm256_cvtepu32_epi64(_mm_loadu_si128(four + 1))};
  }
  static LONGHAUL_INLINE F to_float(const Acc& acc) {
    const __m256i joined = _mm256_hadd_epi32(acc.low, acc.high);
    return _mm256_cvtepi32_ps(_mm256_permute4x64_epi64(joined, 0xd8));
  }
  static LONGHAUL_INLINE void pack(Query* step, int lane, const int8_t* x) {
    for (int i = 0; i < 4; ++i) step[4 * lane + i] = x[i];
  }

  template <int NR, int NP>
  static LONGHAUL_INLINE void step(Acc (&acc)[NR][NP], const Query* q, const std::byte* const (&keys)[NP], size_t offset) {
    Acc y[NP];
#pragma GCC unroll 4
    for (int p = 0; p < NP; ++p) y[p] = {widened(keys[p] + offset), widened(keys[p] + offset + 16)};
#pragma GCC unroll 4
    for (int r = 0; r < NR; ++r) {
      const __m256i low = load(q + r * kStepQueries), high = load(q + r * kStepQueries + 16);
#pragma GCC unroll 4
      for (int p = 0; p < NP; ++p) {
        acc[r][p].low = _mm256_add_epi32(acc[r][p].low, _mm256_madd_epi16(y[p].low, low));
        acc[r][p].high = _mm256_add_epi32(acc[r][p].high, _mm256_madd_epi16(y[p].high, high));
      }
    }
  }

 private:
  static LONGHAUL_INLINE __m256i load(const Query* x) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)); }
  static LONGHAUL_INLINE __m256i widened(const std::byte* x) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
  }
};

#endif

}  // namespace
}  // namespace longhaul::attention
