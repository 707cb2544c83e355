// Eight f32 lanes (AVX2 + FMA). Include it behind `#pragma GCC target`; internal linkage throughout.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#ifndef LONGHAUL_INLINE
#define LONGHAUL_INLINE inline __attribute__((always_inline))
#endif

namespace longhaul::attention {
namespace {

alignas(32) constexpr uint32_t kUpperHalves[8] = {0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u,
                                                0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u};

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
  /** sum += a * b. In assembly, because GCC moves sums between registers when they fill the whole file, and spills. */
  static LONGHAUL_INLINE void accumulate(F& sum, F a, F b) {
    asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
  }
  /** sum0 += *a * b0, sum1 += *a * b1, with one temporary. */
  static LONGHAUL_INLINE void accumulate_two(F& sum0, F& sum1, const float* a, F b0, F b1) {
    F x;
    asm("vbroadcastss %3, %2\n\tvfmadd231ps %4, %2, %0\n\tvfmadd231ps %5, %2, %1"
        : "+x"(sum0), "+x"(sum1), "=&x"(x)
        : "m"(*a), "x"(b0), "x"(b1));
  }
  /** sum_i += a_i * the lower (upper) bf16 of every dword, with one temporary. */
  static LONGHAUL_INLINE void accumulate_low(F& sum0, F& sum1, F& sum2, F a0, F a1, F a2, const void* pairs) {
    F x;
    asm("vmovups %7, %3\n\tvpslld $16, %3, %3\n\t"
        "vfmadd231ps %4, %3, %0\n\tvfmadd231ps %5, %3, %1\n\tvfmadd231ps %6, %3, %2"
        : "+x"(sum0), "+x"(sum1), "+x"(sum2), "=&x"(x)
        : "x"(a0), "x"(a1), "x"(a2), "m"(*static_cast<const __m256_u*>(pairs)));
  }
  static LONGHAUL_INLINE void accumulate_high(F& sum0, F& sum1, F& sum2, F a0, F a1, F a2, const void* pairs) {
    F x;
    asm("vmovups %7, %3\n\tvandps %8, %3, %3\n\t"
        "vfmadd231ps %4, %3, %0\n\tvfmadd231ps %5, %3, %1\n\tvfmadd231ps %6, %3, %2"
        : "+x"(sum0), "+x"(sum1), "+x"(sum2), "=&x"(x)
        : "x"(a0), "x"(a1), "x"(a2), "m"(*static_cast<const __m256_u*>(pairs)),
          "m"(*reinterpret_cast<const __m256*>(kUpperHalves)));
  }
  /**
   * A whole step of six rows and two vectors of bf16 pairs: 12 sums, 2 converted vectors and 1 broadcast fill the
   * register file but for one, which GCC's allocator does not manage without spills. kRowBytes is between the rows of
   * `a`.
   */
  template <int kRowBytes>
  static LONGHAUL_INLINE void accumulate_six(F (&sum)[6][2], const float* a, const std::byte* b) {
#define LONGHAUL_ROW(offset, row, first, second)                                           \
  "vbroadcastss " #offset "+%c[row_bytes]*" #row "(%[a]), %%ymm15\n\t"                     \
  "vfmadd231ps %%ymm13, %%ymm15, %" #first "\n\tvfmadd231ps %%ymm14, %%ymm15, %" #second "\n\t"
#define LONGHAUL_ROWS(offset)                                                                          \
  LONGHAUL_ROW(offset, 0, 0, 1) LONGHAUL_ROW(offset, 1, 2, 3) LONGHAUL_ROW(offset, 2, 4, 5)            \
  LONGHAUL_ROW(offset, 3, 6, 7) LONGHAUL_ROW(offset, 4, 8, 9) LONGHAUL_ROW(offset, 5, 10, 11)
    asm("vmovups (%[b]), %%ymm13\n\tvmovups 32(%[b]), %%ymm14\n\t"
        "vpslld $16, %%ymm13, %%ymm13\n\tvpslld $16, %%ymm14, %%ymm14\n\t" LONGHAUL_ROWS(0)
        "vmovups (%[b]), %%ymm13\n\tvmovups 32(%[b]), %%ymm14\n\t"
        "vandps %[mask], %%ymm13, %%ymm13\n\tvandps %[mask], %%ymm14, %%ymm14\n\t" LONGHAUL_ROWS(4)
        : "+x"(sum[0][0]), "+x"(sum[0][1]), "+x"(sum[1][0]), "+x"(sum[1][1]), "+x"(sum[2][0]), "+x"(sum[2][1]),
          "+x"(sum[3][0]), "+x"(sum[3][1]), "+x"(sum[4][0]), "+x"(sum[4][1]), "+x"(sum[5][0]), "+x"(sum[5][1])
        : [a] "r"(a), [b] "r"(b), [mask] "m"(*reinterpret_cast<const __m256*>(kUpperHalves)), [row_bytes] "i"(kRowBytes)
        : "xmm13", "xmm14", "xmm15", "memory");
#undef LONGHAUL_ROWS
#undef LONGHAUL_ROW
  }
  static LONGHAUL_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
  static LONGHAUL_INLINE F min(F a, F b) { return _mm256_min_ps(a, b); }
  static LONGHAUL_INLINE F round(F x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

  /** x in lane i where bit i of `kept` is set, and `other` elsewhere; higher bits say nothing. */
  static LONGHAUL_INLINE F keep_lanes(F x, unsigned kept, F other) {
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i found = _mm256_and_si256(bit, _mm256_set1_epi32(static_cast<int>(kept)));
    return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(_mm256_cmpeq_epi32(found, bit)));
  }

  /** f32 of the lower (upper) bf16 of every dword. */
  static LONGHAUL_INLINE F pair_low(const void* pairs) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(pairs)), 16));
  }
  static LONGHAUL_INLINE F pair_high(const void* pairs) {
    // In assembly so that the mask stays in memory: the loops that use this fill the register file with sums.
    F high;
    asm("vmovups %1, %0\n\tvandps %2, %0, %0"
        : "=x"(high)
        : "m"(*static_cast<const __m256_u*>(pairs)), "m"(*reinterpret_cast<const __m256*>(kUpperHalves)));
    return high;
  }

  /** fraction * 2^whole for fraction in [0.7, 1.5) and an integral whole <= 100; 0 below the normal range. */
  static LONGHAUL_INLINE F scale_exp2(F fraction, F whole) {
    // The number comes second, so that NaN stays NaN.
    const F clamped = _mm256_max_ps(_mm256_set1_ps(-126.0f), whole);
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
