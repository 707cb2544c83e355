#include "row_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cmath>
#include <limits>

#include "philox.h"

// Functions carry the target themselves, so that the file builds with the flags of any other.
#define LONGHAUL_AVX2 __attribute__((target("avx2")))

namespace longhaul::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

LONGHAUL_AVX2 RowScan scan_avx2(const float* z, size_t n) {
  __m256 max0 = _mm256_set1_ps(-kInfinity);
  __m256 max1 = max0;
  __m256 nan = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m256 a = _mm256_loadu_ps(z + i);
    const __m256 b = _mm256_loadu_ps(z + i + 8);
    // Unordered if either is NaN: one comparison tests both.
    nan = _mm256_or_ps(nan, _mm256_cmp_ps(a, b, _CMP_UNORD_Q));
    max0 = _mm256_max_ps(a, max0);
    max1 = _mm256_max_ps(b, max1);
  }
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, _mm256_max_ps(max0, max1));
  RowScan result = scalar_kernels().scan(z + i, n - i);
  result.has_nan |= _mm256_movemask_ps(nan) != 0;
  for (float lane : lanes) {
    if (lane > result.max) result.max = lane;
  }
  return result;
}

LONGHAUL_AVX2 size_t next_at_least_avx2(const float* z, size_t begin, size_t n, float threshold) {
  const __m256 limit = _mm256_set1_ps(threshold);
  size_t i = begin;
  for (; i + 32 <= n; i += 32) {
    const __m256 a = _mm256_max_ps(_mm256_loadu_ps(z + i), _mm256_loadu_ps(z + i + 8));
    const __m256 b = _mm256_max_ps(_mm256_loadu_ps(z + i + 16), _mm256_loadu_ps(z + i + 24));
    const __m256 hit = _mm256_cmp_ps(_mm256_max_ps(a, b), limit, _CMP_GE_OQ);
    if (_mm256_movemask_ps(hit) == 0) continue;
    for (size_t j = 0; j < 32; ++j) {
      if (z[i + j] >= threshold) return i + j;
    }
  }
  return scalar_kernels().next_at_least(z, i, n, threshold);
}

// exp of four doubles in [-700, 0], relative error under 1e-15: 2^n times the Taylor polynomial of degree 13 on
// [-ln2/2, ln2/2]. Lower arguments count as -700.
LONGHAUL_AVX2 inline __m256d exp_avx2(__m256d x) {
  x = _mm256_max_pd(x, _mm256_set1_pd(-700.0));
  // Adding 1.5 * 2^52 leaves the rounded integer in the low bits of the sum.
  const __m256d magic = _mm256_set1_pd(6755399441055744.0);
  const __m256d shifted = _mm256_add_pd(_mm256_mul_pd(x, _mm256_set1_pd(1.4426950408889634)), magic);
  const __m256d n = _mm256_sub_pd(shifted, magic);
  __m256d r = _mm256_sub_pd(x, _mm256_mul_pd(n, _mm256_set1_pd(6.93147180369123816490e-01)));
  r = _mm256_sub_pd(r, _mm256_mul_pd(n, _mm256_set1_pd(1.90821492927058770002e-10)));
  static constexpr double kInverseFactorials[] = {1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0,
                                                  1.0 / 362880.0,     1.0 / 40320.0,     1.0 / 5040.0,     1.0 / 720.0,
                                                  1.0 / 120.0,        1.0 / 24.0,        1.0 / 6.0,        0.5,
                                                  1.0,                1.0};
  __m256d poly = _mm256_set1_pd(kInverseFactorials[0]);
  for (int i = 1; i < 14; ++i) poly = _mm256_add_pd(_mm256_mul_pd(poly, r), _mm256_set1_pd(kInverseFactorials[i]));
  const __m256i biased = _mm256_add_epi64(_mm256_castpd_si256(shifted), _mm256_set1_epi64x(1023));
  return _mm256_mul_pd(poly, _mm256_castsi256_pd(_mm256_slli_epi64(biased, 52)));
}

LONGHAUL_AVX2 double exp_sum_avx2(const float* z, size_t n, float z_max, double temperature, float z_cut) {
  const __m256d origin = _mm256_set1_pd(static_cast<double>(z_max));
  const __m256d divisor = _mm256_set1_pd(temperature);
  const __m256d cut = _mm256_set1_pd(static_cast<double>(z_cut));
  __m256d sum0 = _mm256_setzero_pd();
  __m256d sum1 = _mm256_setzero_pd();
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 row = _mm256_loadu_ps(z + i);
    const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(row));
    const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(row, 1));
    const __m256d e0 = exp_avx2(_mm256_div_pd(_mm256_sub_pd(low, origin), divisor));
    const __m256d e1 = exp_avx2(_mm256_div_pd(_mm256_sub_pd(high, origin), divisor));
    sum0 = _mm256_add_pd(sum0, _mm256_and_pd(e0, _mm256_cmp_pd(low, cut, _CMP_GE_OQ)));
    sum1 = _mm256_add_pd(sum1, _mm256_and_pd(e1, _mm256_cmp_pd(high, cut, _CMP_GE_OQ)));
  }
  alignas(32) double lanes[4];
  _mm256_store_pd(lanes, _mm256_add_pd(sum0, sum1));
  return lanes[0] + lanes[1] + lanes[2] + lanes[3] + scalar_kernels().exp_sum(z + i, n - i, z_max, temperature, z_cut);
}

// Words of the four blocks of 16 tokens; word[l] holds lane l of each block in the low halves of its 64-bit lanes.
struct PhiloxLanes {
  __m256i word[4];
};

LONGHAUL_AVX2 inline PhiloxLanes philox_avx2(uint32_t first_block, const NoiseSearch& search) {
  const __m256i low_half = _mm256_set1_epi64x(0xFFFFFFFF);
  const __m256i m0 = _mm256_set1_epi64x(kPhiloxM0);
  const __m256i m1 = _mm256_set1_epi64x(kPhiloxM1);
  __m256i c0 = _mm256_add_epi64(_mm256_set1_epi64x(first_block), _mm256_setr_epi64x(0, 1, 2, 3));
  __m256i c1 = _mm256_set1_epi64x(search.position);
  __m256i c2 = _mm256_set1_epi64x(search.stream);
  __m256i c3 = _mm256_setzero_si256();
  uint32_t k0 = static_cast<uint32_t>(search.seed);
  uint32_t k1 = static_cast<uint32_t>(search.seed >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const __m256i p0 = _mm256_mul_epu32(m0, c0);
    const __m256i p1 = _mm256_mul_epu32(m1, c2);
    c0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c1), _mm256_set1_epi64x(k0));
    c2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c3), _mm256_set1_epi64x(k1));
    // c1 and c3 are xored into values whose high half must be zero.
    c1 = _mm256_and_si256(p1, low_half);
    c3 = _mm256_and_si256(p0, low_half);
    k0 += kPhiloxW0;
    k1 += kPhiloxW1;
  }
  return {{c0, c1, c2, c3}};
}

// The words of tokens 0..7 and 8..15 of four blocks, in the order of the tokens.
LONGHAUL_AVX2 inline void in_token_order(const PhiloxLanes& lanes, __m256i out[2]) {
  const __m256i w01 = _mm256_or_si256(lanes.word[0], _mm256_slli_epi64(lanes.word[1], 32));
  const __m256i w23 = _mm256_or_si256(lanes.word[2], _mm256_slli_epi64(lanes.word[3], 32));
  const __m256i even = _mm256_unpacklo_epi64(w01, w23);
  const __m256i odd = _mm256_unpackhi_epi64(w01, w23);
  out[0] = _mm256_permute2x128_si256(even, odd, 0x20);
  out[1] = _mm256_permute2x128_si256(even, odd, 0x31);
}

// An upper bound of the Gumbel noise of eight words. -log(-log u) <= -log(1 - u), and the bits of a float read as an
// integer are a lower bound of its base-2 logarithm. The excess covers the rounding of this and of the caller's f32.
LONGHAUL_AVX2 inline __m256 noise_bound_avx2(__m256i words) {
  const __m256i gap = _mm256_srli_epi32(_mm256_xor_si256(words, _mm256_set1_epi32(-1)), 1);
  const __m256 bits = _mm256_cvtepi32_ps(_mm256_castps_si256(_mm256_cvtepi32_ps(gap)));
  const __m256 log2_gap = _mm256_sub_ps(_mm256_mul_ps(bits, _mm256_set1_ps(0x1p-23f)), _mm256_set1_ps(158.0f));
  return _mm256_sub_ps(_mm256_set1_ps(1e-2f), _mm256_mul_ps(log2_gap, _mm256_set1_ps(0.69314718f)));
}

LONGHAUL_AVX2 void noise_argmax_avx2(const float* z, size_t n, NoiseSearch& search) {
  const double inverse = 1.0 / search.temperature;
  // A smaller factor only raises the bound; it must stay finite, or 0 * infinity hides a candidate.
  const __m256 scale = _mm256_set1_ps(static_cast<float>(inverse < 1e30 ? inverse : 1e30));
  const __m256 origin = _mm256_set1_ps(search.z_max);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    __m256i words[2];
    in_token_order(philox_avx2(static_cast<uint32_t>(i >> 2), search), words);
    const float best = search.best_token < 0 ? -kInfinity : static_cast<float>(search.best_score);
    for (size_t half = 0; half < 2; ++half) {
      const __m256 gap = _mm256_sub_ps(_mm256_loadu_ps(z + i + 8 * half), origin);
      const __m256 bound = _mm256_add_ps(_mm256_mul_ps(gap, scale), noise_bound_avx2(words[half]));
      int mask = _mm256_movemask_ps(_mm256_cmp_ps(bound, _mm256_set1_ps(best), _CMP_GT_OQ));
      for (; mask != 0; mask &= mask - 1) {
        const size_t token = i + 8 * half + static_cast<size_t>(__builtin_ctz(static_cast<unsigned>(mask)));
        if (z[token] > -kInfinity) consider(search, z[token], static_cast<uint32_t>(token));
      }
    }
  }
  for (; i < n; ++i) {
    if (z[i] > -kInfinity) consider(search, z[i], static_cast<uint32_t>(i));
  }
}

}  // namespace

const RowKernels& avx2_kernels() {
  static const RowKernels kernels{"avx2", scan_avx2, next_at_least_avx2, exp_sum_avx2, noise_argmax_avx2};
  return kernels;
}

}  // namespace longhaul::sampling

#endif
