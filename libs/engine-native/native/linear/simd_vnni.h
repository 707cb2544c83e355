// Sixteen lanes with the byte dot product. Include it behind `#pragma GCC target`; internal linkage.
//
// LONGHAUL_EMULATE_AVX512 (tests only) replaces the intrinsics by plain loops, so that the kernels are tested on processors
// without them.
#pragma once

#ifndef LONGHAUL_EMULATE_AVX512
#include <immintrin.h>
#endif

// GCC 12's own AVX-512 header passes an undefined operand to masked builtins and then warns about it.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "linear.h"

#define LONGHAUL_INLINE inline __attribute__((always_inline))
#define LONGHAUL_LAMBDA __attribute__((always_inline))

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
LONGHAUL_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
LONGHAUL_INLINE F magnitude(F x) { return _mm512_abs_ps(x); }
LONGHAUL_INLINE F divide(F a, F b) { return _mm512_div_ps(a, b); }
// a / b, and 0 in lanes whose b is 0.
LONGHAUL_INLINE F divide_or_zero(F a, F b) { return _mm512_maskz_div_ps(_mm512_cmp_ps_mask(b, zero(), _CMP_NEQ_OQ), a, b); }
LONGHAUL_INLINE I add_i(I a, I b) { return _mm512_add_epi32(a, b); }
LONGHAUL_INLINE I mul_i(I a, I b) { return _mm512_mullo_epi32(a, b); }
LONGHAUL_INLINE void store_i(void* to, I x) { _mm512_storeu_si512(to, x); }
LONGHAUL_INLINE void store_f(float* to, F x) { _mm512_storeu_ps(to, x); }
LONGHAUL_INLINE void store_first(float* to, int count, F x) { _mm512_mask_storeu_ps(to, __mmask16((1u << count) - 1), x); }
LONGHAUL_INLINE void store_first(int32_t* to, int count, I x) { _mm512_mask_storeu_epi32(to, __mmask16((1u << count) - 1), x); }

// Sixteen rows to one vector, whose lane i is `op` over the lanes of row i. Each of four rounds halves the number of vectors:
// the halves of two rows are put side by side, then quarters, pairs and single lanes. The rows come out in an order of their
// own, which the last permutation undoes.
template <class Op> LONGHAUL_INLINE F reduce_rows(F (&v)[16], Op op) {
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) v[i] = op(_mm512_shuffle_f32x4(v[i], v[i + 8], 0x44), _mm512_shuffle_f32x4(v[i], v[i + 8], 0xee));
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) v[i] = op(_mm512_shuffle_f32x4(v[i], v[i + 4], 0x88), _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd));
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) v[i] = op(_mm512_shuffle_ps(v[i], v[i + 2], 0x44), _mm512_shuffle_ps(v[i], v[i + 2], 0xee));
  const F mixed = op(_mm512_shuffle_ps(v[0], v[1], 0x88), _mm512_shuffle_ps(v[0], v[1], 0xdd));
  return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15), mixed);
}
LONGHAUL_INLINE F row_maxima(F (&rows)[16]) {
  return reduce_rows(rows, [](F a, F b) LONGHAUL_LAMBDA { return _mm512_max_ps(a, b); });
}
LONGHAUL_INLINE I row_sums(I (&rows)[16]) {
  F bits[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) bits[i] = _mm512_castsi512_ps(rows[i]);
  return _mm512_castps_si512(reduce_rows(bits, [](F a, F b) LONGHAUL_LAMBDA {
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
  }));
}
LONGHAUL_INLINE void store_bytes(int8_t* to, I x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtsepi32_epi8(x)); }
// sums + products of four unsigned bytes of `u` and four signed bytes of `s`, per lane.
LONGHAUL_INLINE I dot_bytes(I sums, I u, I s) { return _mm512_dpbusd_epi32(sums, u, s); }
LONGHAUL_INLINE void prefetch(const void* x) { _mm_prefetch(static_cast<const char*>(x), _MM_HINT_T0); }
LONGHAUL_INLINE void prefetch_l2(const void* x) { _mm_prefetch(static_cast<const char*>(x), _MM_HINT_T1); }
LONGHAUL_INLINE void prefetch_to_write(const void* x) { __builtin_prefetch(x, 1); }
LONGHAUL_INLINE I low_nibbles(I x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
LONGHAUL_INLINE I high_nibbles(I x) { return low_nibbles(_mm512_srli_epi16(x, 4)); }
// Unsigned bytes that are biased by 128, without the bias.
LONGHAUL_INLINE I signed_bytes(I x) { return _mm512_xor_si512(x, _mm512_set1_epi8(-128)); }
// Bytes of 0..15 that are biased by 8, without the bias.
LONGHAUL_INLINE I signed_nibbles(I x) { return _mm512_sub_epi8(x, _mm512_set1_epi8(8)); }
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
inline F max(F a, F b) { LANES(a.v[i] = std::fmax(a.v[i], b.v[i])) return a; }
inline F magnitude(F x) { LANES(x.v[i] = std::fabs(x.v[i])) return x; }
inline F divide(F a, F b) { LANES(a.v[i] /= b.v[i]) return a; }
inline F divide_or_zero(F a, F b) { LANES(a.v[i] = b.v[i] != 0 ? a.v[i] / b.v[i] : 0) return a; }
inline I add_i(I a, I b) { LANES(a.v[i] += b.v[i]) return a; }
inline I mul_i(I a, I b) { LANES(a.v[i] *= b.v[i]) return a; }
inline void store_i(void* to, I x) { std::memcpy(to, x.v, sizeof x.v); }
inline void store_f(float* to, F x) { LANES(to[i] = x.v[i]) }
inline void store_first(float* to, int count, F x) { for (int i = 0; i < count; i++) to[i] = x.v[i]; }
inline void store_first(int32_t* to, int count, I x) { for (int i = 0; i < count; i++) to[i] = x.v[i]; }
inline F row_maxima(F (&rows)[16]) { F r; LANES(r.v[i] = rows[i].v[0]; for (float x : rows[i].v) r.v[i] = std::fmax(r.v[i], x)) return r; }
inline I row_sums(I (&rows)[16]) { I r; LANES(r.v[i] = 0; for (int32_t x : rows[i].v) r.v[i] += x) return r; }
inline void prefetch(const void*) {}
inline void prefetch_l2(const void*) {}
inline void prefetch_to_write(const void*) {}
inline void store_bytes(int8_t* to, I x) { LANES(to[i] = int8_t(x.v[i] < -128 ? -128 : x.v[i] > 127 ? 127 : x.v[i])) }
inline I dot_bytes(I sums, I u, I s) {
  LANES(for (int b = 0; b < 4; b++) sums.v[i] += ((uint32_t(u.v[i]) >> (8 * b)) & 255) * int32_t(int8_t(uint32_t(s.v[i]) >> (8 * b))))
  return sums;
}
inline I low_nibbles(I x) { LANES(x.v[i] &= 0x0f0f0f0f) return x; }
inline I high_nibbles(I x) { LANES(x.v[i] = int32_t((uint32_t(x.v[i]) >> 4) & 0x0f0f0f0fu)) return x; }
inline I signed_bytes(I x) { LANES(x.v[i] = int32_t(uint32_t(x.v[i]) ^ 0x80808080u)) return x; }
// Adding 128 before and flipping the top bit after keeps bytes from borrowing of each other.
inline I signed_nibbles(I x) { LANES(x.v[i] = int32_t(((uint32_t(x.v[i]) | 0x80808080u) - 0x08080808u) ^ 0x80808080u)) return x; }
inline void store_lanes(float* to, int count, F value, const float* bias) {
  for (int i = 0; i < count; i++) to[i] = value.v[i] + (bias ? bias[i] : 0.0f);
}
#undef LANES

#endif

}  // namespace
}  // namespace longhaul::linear
