// Sums across the lanes of many vectors at a time, one result a lane. Include it behind the level's `#pragma GCC target`
// and its Vec; internal linkage.
#pragma once

#include "../kv_layout.h"

#ifndef LONGHAUL_INLINE
#define LONGHAUL_INLINE inline __attribute__((always_inline))
#endif

namespace longhaul::attention {
namespace {

/** Lanes of a vector as rows of sums see them; one specialisation a level. */
template <class V>
struct LaneSums;

#if defined(LONGHAUL_SCORES_512) && defined(LONGHAUL_EMULATE_AVX512)

template <>
struct LaneSums<Vec512> {
  using F = Vec512::F;

  static F of_rows(const F (&rows)[16]) {
    F sums = {};
    for (int r = 0; r < 16; ++r) sums[r] = Vec512::reduce_add(rows[r]);
    return sums;
  }
  template <int kStride>
  static void of_groups(const float* rows, F (&sums)[kPageTokens / kStride]) {
    for (int j = 0; j < kPageTokens / kStride; ++j) {
      for (int r = 0; r < 16; ++r) {
        sums[j][r] = 0.0f;
        for (int i = 0; i < kStride; ++i) sums[j][r] += rows[16 * r + kStride * j + i];
      }
    }
  }
};

#elif defined(LONGHAUL_SCORES_512)

template <>
struct LaneSums<Vec512> {
  using F = Vec512::F;

  /** Lane i: the sum of the lanes of rows[i]. */
  static LONGHAUL_INLINE F of_rows(const F (&rows)[16]) {
    F quarters[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const F low = _mm512_add_ps(first_halves(rows[i], rows[i + 4]), second_halves(rows[i], rows[i + 4]));
      const F high = _mm512_add_ps(first_halves(rows[i + 8], rows[i + 12]), second_halves(rows[i + 8], rows[i + 12]));
      quarters[i] = _mm512_add_ps(first_quarters(low, high), second_quarters(low, high));
    }
    return of_quarters(quarters);
  }

  /** Lane i of sums[j]: of the 16 floats from 16 * i on, those of [kStride * j, kStride * (j + 1)). */
  template <int kStride>
  static LONGHAUL_INLINE void of_groups(const float* rows, F (&sums)[kPageTokens / kStride]) {
    F quarters[kPageTokens / kStride][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const F a = load(rows, i), b = load(rows, i + 4), c = load(rows, i + 8), d = load(rows, i + 12);
      const F low0 = first_halves(a, b), low1 = second_halves(a, b), high0 = first_halves(c, d), high1 = second_halves(c, d);
      if constexpr (kStride == 16) {
        const F low = _mm512_add_ps(low0, low1), high = _mm512_add_ps(high0, high1);
        quarters[0][i] = _mm512_add_ps(first_quarters(low, high), second_quarters(low, high));
      } else if constexpr (kStride == 8) {
        quarters[0][i] = _mm512_add_ps(first_quarters(low0, high0), second_quarters(low0, high0));
        quarters[1][i] = _mm512_add_ps(first_quarters(low1, high1), second_quarters(low1, high1));
      } else {
        quarters[0][i] = first_quarters(low0, high0);
        quarters[1][i] = second_quarters(low0, high0);
        quarters[2][i] = first_quarters(low1, high1);
        quarters[3][i] = second_quarters(low1, high1);
      }
    }
#pragma GCC unroll 4
    for (int j = 0; j < kPageTokens / kStride; ++j) sums[j] = of_quarters(quarters[j]);
  }

 private:
  static LONGHAUL_INLINE F load(const float* rows, int i) { return _mm512_loadu_ps(rows + 16 * i); }
  static LONGHAUL_INLINE F first_halves(F a, F b) { return _mm512_shuffle_f32x4(a, b, 0x44); }
  static LONGHAUL_INLINE F second_halves(F a, F b) { return _mm512_shuffle_f32x4(a, b, 0xee); }
  static LONGHAUL_INLINE F first_quarters(F a, F b) { return _mm512_shuffle_f32x4(a, b, 0x88); }
  static LONGHAUL_INLINE F second_quarters(F a, F b) { return _mm512_shuffle_f32x4(a, b, 0xdd); }
  /** Quarter k of quarters[i] belongs to row 4 * k + i. */
  static LONGHAUL_INLINE F of_quarters(const F (&quarters)[4]) {
    const F even = _mm512_add_ps(_mm512_unpacklo_ps(quarters[0], quarters[2]), _mm512_unpackhi_ps(quarters[0], quarters[2]));
    const F odd = _mm512_add_ps(_mm512_unpacklo_ps(quarters[1], quarters[3]), _mm512_unpackhi_ps(quarters[1], quarters[3]));
    return _mm512_add_ps(_mm512_unpacklo_ps(even, odd), _mm512_unpackhi_ps(even, odd));
  }
};

#endif

#ifdef LONGHAUL_SCORES_256

template <>
struct LaneSums<Vec256> {
  using F = Vec256::F;

  /** Lane i: the sum of the lanes of rows[i]. */
  static LONGHAUL_INLINE F of_rows(const F (&rows)[8]) {
    F halves[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) halves[i] = _mm256_add_ps(first(rows[i], rows[i + 4]), second(rows[i], rows[i + 4]));
    return of_halves(halves);
  }

  /** Lane i of sums[j]: of the 16 floats from 16 * i on, those of [kStride * j, kStride * (j + 1)). */
  template <int kStride>
  static LONGHAUL_INLINE void of_groups(const float* rows, F (&sums)[kPageTokens / kStride]) {
    F halves[kPageTokens / kStride][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const F low = load(rows, 2 * i), high = load(rows, 2 * i + 1);
      const F low4 = load(rows, 2 * i + 8), high4 = load(rows, 2 * i + 9);
      if constexpr (kStride == 16) {
        const F a = _mm256_add_ps(low, high), b = _mm256_add_ps(low4, high4);
        halves[0][i] = _mm256_add_ps(first(a, b), second(a, b));
      } else if constexpr (kStride == 8) {
        halves[0][i] = _mm256_add_ps(first(low, low4), second(low, low4));
        halves[1][i] = _mm256_add_ps(first(high, high4), second(high, high4));
      } else {
        halves[0][i] = first(low, low4);
        halves[1][i] = second(low, low4);
        halves[2][i] = first(high, high4);
        halves[3][i] = second(high, high4);
      }
    }
#pragma GCC unroll 4
    for (int j = 0; j < kPageTokens / kStride; ++j) sums[j] = of_halves(halves[j]);
  }

 private:
  static LONGHAUL_INLINE F load(const float* rows, int i) { return _mm256_loadu_ps(rows + 8 * i); }
  static LONGHAUL_INLINE F first(F a, F b) { return _mm256_permute2f128_ps(a, b, 0x20); }
  static LONGHAUL_INLINE F second(F a, F b) { return _mm256_permute2f128_ps(a, b, 0x31); }
  /** Half k of halves[i] belongs to row 4 * k + i. */
  static LONGHAUL_INLINE F of_halves(const F (&halves)[4]) {
    const F even = _mm256_add_ps(_mm256_unpacklo_ps(halves[0], halves[2]), _mm256_unpackhi_ps(halves[0], halves[2]));
    const F odd = _mm256_add_ps(_mm256_unpacklo_ps(halves[1], halves[3]), _mm256_unpackhi_ps(halves[1], halves[3]));
    return _mm256_add_ps(_mm256_unpacklo_ps(even, odd), _mm256_unpackhi_ps(even, odd));
  }
};

#endif

}  // namespace
}  // namespace longhaul::attention
