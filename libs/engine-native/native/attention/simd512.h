// Sixteen f32 lanes (AVX-512, and its bf16 dot product). Include it behind `#pragma GCC target`; internal linkage.
//
// LONGHAUL_EMULATE_AVX512 (tests only) replaces the intrinsics by plain loops (simd_plain.h), so that the AVX-512
// kernels are tested on processors without it.
#pragma once

#ifdef LONGHAUL_EMULATE_AVX512
#include "simd_plain.h"
#else
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>

#include "bf16.h"

#ifndef LONGHAUL_INLINE
#define LONGHAUL_INLINE inline __attribute__((always_inline))
#endif

namespace longhaul::attention {
namespace {

#ifndef LONGHAUL_EMULATE_AVX512

struct Vec512 {
  using F = __m512;
  static constexpr int kLanes = 16;

  static LONGHAUL_INLINE F zero() { return _mm512_setzero_ps(); }
  static LONGHAUL_INLINE F set1(float x) { return _mm512_set1_ps(x); }
  static LONGHAUL_INLINE F broadcast(const void* x) { return _mm512_set1_ps(*static_cast<const float*>(x)); }
  static LONGHAUL_INLINE F load(const void* x) { return _mm512_loadu_ps(x); }
  static LONGHAUL_INLINE void store(float* to, F x) { _mm512_storeu_ps(to, x); }
  static LONGHAUL_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
  static LONGHAUL_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static LONGHAUL_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static LONGHAUL_INLINE F div(F a, F b) { return _mm512_div_ps(a, b); }
  static LONGHAUL_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static LONGHAUL_INLINE void accumulate(F& sum, F a, F b) { sum = _mm512_fmadd_ps(a, b, sum); }
  static LONGHAUL_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
  static LONGHAUL_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }
  static LONGHAUL_INLINE F round(F x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }

  /** x in lane i where bit i of `kept` is set, and `other` elsewhere; higher bits say nothing. */
  static LONGHAUL_INLINE F keep_lanes(F x, unsigned kept, F other) {
    return _mm512_mask_mov_ps(other, static_cast<__mmask16>(kept), x);
  }

  /** f32 of the lower (upper) bf16 of every dword. */
  static LONGHAUL_INLINE F pair_low(const void* pairs) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(pairs), 16));
  }
  static LONGHAUL_INLINE F pair_high(const void* pairs) {
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_loadu_si512(pairs), _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }

  /**
   * fraction * 2^whole; 0 below the normal range. Lanes that underflow are masked off: the instruction would take some
   * hundred cycles for each of them.
   */
  static LONGHAUL_INLINE F scale_exp2(F fraction, F whole) {
    const __mmask16 normal = _mm512_cmp_ps_mask(whole, _mm512_set1_ps(-125.0f), _CMP_NLT_UQ);
    return _mm512_maskz_scalef_ps(normal, fraction, whole);
  }

  /** 2^whole for a whole number of at most 0; 0 below 2^-126. */
  static LONGHAUL_INLINE F exp2_whole(F whole) {
    const __mmask16 normal = _mm512_cmp_ps_mask(whole, _mm512_set1_ps(-126.0f), _CMP_GE_OQ);
    return _mm512_maskz_scalef_ps(normal, _mm512_set1_ps(1.0f), whole);
  }
  /** table[index] for whole numbers 0 to 3. */
  static LONGHAUL_INLINE F look_up_four(const float* table, F index) {
    return _mm512_permutexvar_ps(_mm512_cvtps_epi32(index), _mm512_broadcast_f32x4(_mm_loadu_ps(table)));
  }
  static LONGHAUL_INLINE F ceil(F x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
  /** Bit i: lane i of a is greater than lane i of b. */
  static LONGHAUL_INLINE unsigned greater(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }

  /** Lane i: the largest of rows[16 * i] to rows[16 * i + 15]. */
  static LONGHAUL_INLINE F max_of_rows(const float* rows) {
    F quarter[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const F low = max_of_halves(load(rows + 16 * i), load(rows + 16 * (i + 4)));
      const F high = max_of_halves(load(rows + 16 * (i + 8)), load(rows + 16 * (i + 12)));
      quarter[i] = max(_mm512_shuffle_f32x4(low, high, 0x88), _mm512_shuffle_f32x4(low, high, 0xdd));
    }
    const F even = max(_mm512_unpacklo_ps(quarter[0], quarter[2]), _mm512_unpackhi_ps(quarter[0], quarter[2]));
    const F odd = max(_mm512_unpacklo_ps(quarter[1], quarter[3]), _mm512_unpackhi_ps(quarter[1], quarter[3]));
    return max(_mm512_unpacklo_ps(even, odd), _mm512_unpackhi_ps(even, odd));
  }
  /** The largest of lanes i and i + 8, of a in the lower half and of b in the upper one. */
  static LONGHAUL_INLINE F max_of_halves(F a, F b) {
    return max(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  }

  static LONGHAUL_INLINE float reduce_add(F x) { return _mm512_reduce_add_ps(x); }
  static LONGHAUL_INLINE float reduce_max(F x) { return _mm512_reduce_max_ps(x); }

#ifdef LONGHAUL_BF16_DOT
  /** sum + low(a) * low(b) + high(a) * high(b) on bf16 pairs. */
  static LONGHAUL_INLINE F dot_pairs(F sum, F a, F b) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
  static LONGHAUL_INLINE void store_bf16(uint32_t* to, F x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
  }
#endif
};

#else

using Vec512 = VecPlain;

#endif

}  // namespace
}  // namespace longhaul::attention
