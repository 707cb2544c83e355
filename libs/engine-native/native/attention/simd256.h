// Eight f32 lanes (AVX2 + FMA). Include it behind `#pragma GCC target`; internal linkage throughout.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define LONGHAUL_INLINE inline __attribute__((always_inline))

namespace longhaul::attention {
namespace {

struct Vec256 {
  using F = __m256;
  static constexpr int kLanes = 8;

  static LONGHAUL_INLINE F zero() { return _mm256_setzero_ps(); }
  static LONGHAUL_INLINE F set1(float x) { return _mm256_set1_ps(x); }
  static LONGHAUL_INLINE F broadcast(const void* x) { return _mm256_broadcast_ss(static_cast<const float*>(x)); }
  static LONGHAUL_INLINE F load(const void* x) { return _mm256_loadu_ps(static_cast<const float*>(x)); }
  static LONGHAUL_INLINE void store(float* to, F x) { _mm256_storeu_ps(to, x); }
  static LONGHAUL_INLINE F add(F a, F b) { return _mm256_add_ps(a, b); }
  static LONGHAUL_INLINE F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static LONGHAUL_INLINE F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static LONGHAUL_INLINE F div(F a, F b) { return _mm256_div_ps(a, b); }
  static LONGHAUL_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static LONGHAUL_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
  static LONGHAUL_INLINE F min(F a, F b) { return _mm256_min_ps(a, b); }
  static LONGHAUL_INLINE F round(F x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

  /** f32 of the lower (upper) bf16 of every dword. */
  static LONGHAUL_INLINE F pair_low(const void* pairs) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(pairs)), 16));
  }
  static LONGHAUL_INLINE F pair_high(const void* pairs) {
    return _mm256_and_ps(_mm256_loadu_ps(static_cast<const float*>(pairs)),
                         _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }

  /** fraction * 2^whole for fraction in [0.7, 1.5) and an integral whole <= 100; 0 below the normal range. */
  static LONGHAUL_INLINE F scale_exp2(F fraction, F whole) {
    const F clamped = _mm256_max_ps(whole, _mm256_set1_ps(-126.0f));
    const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(clamped), 23);
    const F scaled = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(fraction), exponent));
    return _mm256_and_ps(scaled, _mm256_cmp_ps(whole, _mm256_set1_ps(-125.0f), _CMP_NLT_UQ));
  }

  static LONGHAUL_INLINE float reduce_add(F x) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
  static LONGHAUL_INLINE float reduce_max(F x) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
  }
};

}  // namespace
}  // namespace longhaul::attention
