// Sixteen lanes with the byte dot product. Include it behind `#pragma GCC target`; internal linkage.
//
// LONGHAUL_EMULATE_AVX512 (tests only) replaces the intrinsics by plain loops, so that the kernels are tested on processors
// without them.
#pragma once

#ifndef LONGHAUL_EMULATE_AVX512
#include <immintrin.h>
#endif

#include <cmath>
#include <cstdint>
#include <cstring>

#include "linear.h"

#define LONGHAUL_INLINE inline __attribute__((always_inline))

namespace longhaul::linear {
namespace {

#ifndef LONGHAUL_EMULATE_AVX512

using F = __m512;
using I = __m512i;
LONGHAUL_INLINE F zero() { return _mm512_setzero_ps(); }
LONGHAUL_INLINE F set_f(float x) { return _mm512_set1_ps(x); }
LONGHAUL_INLINE I set_i(int32_t x) { return _mm512_set1_epi32(x); }
LONGHAUL_INLINE F load_f(const float* x) { return _mm512_loadu_ps(x); }
LONGHAUL_INLINE I load_i(const void* x) { return _mm512_loadu_si512(x); }
LONGHAUL_INLINE F load_halves(const uint16_t* x) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))); }
LONGHAUL_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
LONGHAUL_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
LONGHAUL_INLINE F to_f(I x) { return _mm512_cvtepi32_ps(x); }
LONGHAUL_INLINE I round_i(F x) { return _mm512_cvtps_epi32(x); }
LONGHAUL_INLINE float largest_magnitude(F a, F b) { return _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b))); }
LONGHAUL_INLINE int32_t sum(I a, I b) { return _mm512_reduce_add_epi32(_mm512_add_epi32(a, b)); }
LONGHAUL_INLINE void store_bytes(int8_t* to, I x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtsepi32_epi8(x)); }
// sums + products of four unsigned bytes of `u` and four signed bytes of `s`, per lane.
LONGHAUL_INLINE I dot_bytes(I sums, I u, I s) { return _mm512_dpbusd_epi32(sums, u, s); }
LONGHAUL_INLINE I low_nibbles(I x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
LONGHAUL_INLINE I high_nibbles(I x) { return low_nibbles(_mm512_srli_epi16(x, 4)); }
// The first `count` lanes of `value` (+ bias where there is one).
LONGHAUL_INLINE void store_lanes(float* to, int count, F value, const float* bias) {
  const __mmask16 mask = __mmask16((1u << count) - 1);
  if (bias) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, bias));
  _mm512_mask_storeu_ps(to, mask, value);
}

#else

struct F { float v[16]; };
struct I { int32_t v[16]; };
#define LANES(expression) for (int i = 0; i < 16; i++) { expression; }
inline F zero() { return {}; }
inline F set_f(float x) { F r; LANES(r.v[i] = x) return r; }
inline I set_i(int32_t x) { I r; LANES(r.v[i] = x) return r; }
inline F load_f(const float* x) { F r; std::memcpy(&r, x, 64); return r; }
inline I load_i(const void* x) { I r; std::memcpy(&r, x, 64); return r; }
inline F load_halves(const uint16_t* x) { F r; LANES(r.v[i] = half_to_float(x[i])) return r; }
inline F mul(F a, F b) { LANES(a.v[i] *= b.v[i]) return a; }
inline F fma(F a, F b, F c) { LANES(a.v[i] = std::fma(a.v[i], b.v[i], c.v[i])) return a; }
inline F to_f(I x) { F r; LANES(r.v[i] = float(x.v[i])) return r; }
inline I round_i(F x) { I r; LANES(r.v[i] = int32_t(std::nearbyint(x.v[i]))) return r; }
inline float largest_magnitude(F a, F b) { float r = 0; LANES(r = std::fmax(r, std::fmax(std::fabs(a.v[i]), std::fabs(b.v[i])))) return r; }
inline int32_t sum(I a, I b) { int32_t r = 0; LANES(r += a.v[i] + b.v[i]) return r; }
inline void store_bytes(int8_t* to, I x) { LANES(to[i] = int8_t(x.v[i] < -128 ? -128 : x.v[i] > 127 ? 127 : x.v[i])) }
inline I dot_bytes(I sums, I u, I s) {
  LANES(for (int b = 0; b < 4; b++) sums.v[i] += ((uint32_t(u.v[i]) >> (8 * b)) & 255) * int32_t(int8_t(uint32_t(s.v[i]) >> (8 * b))))
  return sums;
}
inline I low_nibbles(I x) { LANES(x.v[i] &= 0x0f0f0f0f) return x; }
inline I high_nibbles(I x) { LANES(x.v[i] = int32_t((uint32_t(x.v[i]) >> 4) & 0x0f0f0f0fu)) return x; }
inline void store_lanes(float* to, int count, F value, const float* bias) {
  for (int i = 0; i < count; i++) to[i] = value.v[i] + (bias ? bias[i] : 0.0f);
}
#undef LANES

#endif

}  // namespace
}  // namespace longhaul::linear
