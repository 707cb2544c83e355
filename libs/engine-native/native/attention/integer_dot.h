// How the integer products of an int8 pool are done at each level: sums of four products of an unsigned and a signed
// byte per dword, exact in 32 bits. Include it behind `#pragma GCC target` and the level's Vec; internal linkage.
//
// The unsigned side is a key (value + 128) or a probability, the signed side a query or a value. One of both is a vector
// of a tile, the other the same four bytes in every dword.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifndef LONGHAUL_INLINE
#define LONGHAUL_INLINE inline __attribute__((always_inline))
#endif

namespace longhaul::attention {
namespace {

LONGHAUL_INLINE int32_t load_quad(const void* bytes) {
  int32_t quad;
  std::memcpy(&quad, bytes, sizeof quad);
  return quad;
}

#ifdef LONGHAUL_INTEGER_512
#ifdef LONGHAUL_EMULATE_AVX512

using Dot512 = DotPlain;

#else

/** AVX-512 VNNI. In assembly, because GCC moves sums between registers and the stack when they nearly fill the file. */
struct Dot512 {
  typedef int32_t Quad __attribute__((may_alias, aligned(1)));
  using V = Vec512;
  using Bytes = __m512i;
  using Acc = __m512i;
  /** Rows that share one pass over the keys when there are no more. */
  static constexpr int kShallowRows = 8;
  /** Vectors of sums that each of so many rows has at a time. */
  static constexpr int columns(int rows) { return rows <= 6 ? 4 : 2; }

  static LONGHAUL_INLINE Acc start(int32_t x) { return _mm512_set1_epi32(x); }
  static LONGHAUL_INLINE Bytes load_keys(const void* x) { return _mm512_loadu_si512(x); }
  static LONGHAUL_INLINE Bytes load_values(const void* x) { return _mm512_loadu_si512(x); }
  static LONGHAUL_INLINE void dot_keys(Acc& acc, Bytes keys, const void* query) {
    asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(acc) : "v"(keys), "m"(*static_cast<const Quad*>(query)));
  }
  static LONGHAUL_INLINE void dot_values(Acc& acc, __m512i probabilities, Bytes values) {
    asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(probabilities), "v"(values));
  }
  static LONGHAUL_INLINE __m512i broadcast(const void* quad) { return _mm512_set1_epi32(load_quad(quad)); }
  /** Sums that were stored. */
  static LONGHAUL_INLINE Acc load_sums(const void* x) { return _mm512_loadu_si512(x); }
  static LONGHAUL_INLINE V::F to_float(Acc acc) { return _mm512_cvtepi32_ps(acc); }
  /** Four vectors of whole numbers in [0, 255] as bytes; see byte_of_quad. */
  static LONGHAUL_INLINE void store_bytes(uint8_t* to, const V::F (&x)[4]) {
    const __m512i low = _mm512_packus_epi32(_mm512_cvtps_epi32(x[0]), _mm512_cvtps_epi32(x[1]));
    const __m512i high = _mm512_packus_epi32(_mm512_cvtps_epi32(x[2]), _mm512_cvtps_epi32(x[3]));
    _mm512_storeu_si512(to, _mm512_packus_epi16(low, high));
  }
  /** Where store_bytes puts the four tokens from 4 * quad on: packing works within 128-bit lanes. */
  static constexpr int byte_of_quad(int quad) { return 4 * (quad % 4 * 4 + quad / 4); }
};

#endif
#endif

#ifdef LONGHAUL_INTEGER_256

#ifdef LONGHAUL_AVX_VNNI
/** AVX-VNNI: eight dwords. */
struct Dot256 {
  using V = Vec256;
  using Bytes = __m256i;
  using Acc = __m256i;
  static constexpr int kShallowRows = 8;
  static constexpr int columns(int rows) { return rows <= 3 ? 4 : rows <= 6 ? 2 : 1; }

  static LONGHAUL_INLINE Acc start(int32_t x) { return _mm256_set1_epi32(x); }
  static LONGHAUL_INLINE Bytes load_keys(const void* x) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(x));
  }
  static LONGHAUL_INLINE Bytes load_values(const void* x) { return load_keys(x); }
  static LONGHAUL_INLINE Bytes broadcast(const void* quad) { return _mm256_set1_epi32(load_quad(quad)); }
  static LONGHAUL_INLINE void dot_keys(Acc& acc, Bytes keys, const void* query) {
    acc = _mm256_dpbusd_avx_epi32(acc, keys, broadcast(query));
  }
  static LONGHAUL_INLINE void dot_values(Acc& acc, Bytes probabilities, Bytes values) {
    acc = _mm256_dpbusd_avx_epi32(acc, probabilities, values);
  }
  static LONGHAUL_INLINE V::F to_float(Acc acc) { return _mm256_cvtepi32_ps(acc); }
#else
/**
 * AVX2: bytes are widened to 16 bits, whose products of pairs fit 32 (a product of bytes summed in 16 bits would
 * saturate: 2 * 255 * 127). Sums are kept as pairs and joined at the end.
 */
struct Dot256 {
  using V = Vec256;
  struct Bytes {
    __m256i low, high;
  };
  struct Acc {
    __m256i low, high;
  };
  static constexpr int kShallowRows = 6;
  static constexpr int columns(int rows) { return rows <= 3 ? 2 : 1; }

  static LONGHAUL_INLINE Acc start(int32_t x) {
    const __m256i once = _mm256_set1_epi64x(static_cast<uint32_t>(x));
    return {once, once};
  }
  static LONGHAUL_INLINE __m128i half(const void* x) { return _mm_loadu_si128(static_cast<const __m128i*>(x)); }
  static LONGHAUL_INLINE Bytes load_keys(const void* x) {
    const auto* bytes = static_cast<const std::byte*>(x);
    return {_mm256_cvtepu8_epi16(half(bytes)), _mm256_cvtepu8_epi16(half(bytes + 16))};
  }
  static LONGHAUL_INLINE Bytes load_values(const void* x) {
    const auto* bytes = static_cast<const std::byte*>(x);
    return {_mm256_cvtepi8_epi16(half(bytes)), _mm256_cvtepi8_epi16(half(bytes + 16))};
  }
  static LONGHAUL_INLINE void add(Acc& acc, const Bytes& tile, __m256i quads) {
    acc.low = _mm256_add_epi32(acc.low, _mm256_madd_epi16(tile.low, quads));
    acc.high = _mm256_add_epi32(acc.high, _mm256_madd_epi16(tile.high, quads));
  }
  static LONGHAUL_INLINE void dot_keys(Acc& acc, const Bytes& keys, const void* query) {
    add(acc, keys, _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(load_quad(query)))));
  }
  static LONGHAUL_INLINE __m256i broadcast(const void* quad) {
    return _mm256_broadcastq_epi64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(load_quad(quad))));
  }
  static LONGHAUL_INLINE void dot_values(Acc& acc, __m256i probabilities, const Bytes& values) {
    add(acc, values, probabilities);
  }
  static LONGHAUL_INLINE V::F to_float(const Acc& acc) {
    const __m256i joined = _mm256_hadd_epi32(acc.low, acc.high);
    return _mm256_cvtepi32_ps(_mm256_permute4x64_epi64(joined, 0xd8));
  }
#endif
  static LONGHAUL_INLINE void store_bytes(uint8_t* to, const V::F (&x)[8]) {
#pragma GCC unroll 2
    for (int half_of = 0; half_of < 2; ++half_of) {
      const V::F* four = x + 4 * half_of;
      const __m256i low = _mm256_packus_epi32(_mm256_cvtps_epi32(four[0]), _mm256_cvtps_epi32(four[1]));
      const __m256i high = _mm256_packus_epi32(_mm256_cvtps_epi32(four[2]), _mm256_cvtps_epi32(four[3]));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32 * half_of), _mm256_packus_epi16(low, high));
    }
  }
  static constexpr int byte_of_quad(int quad) {
    return quad / 8 * 32 + 4 * (quad % 2 * 4 + quad % 8 / 2);
  }
};

#endif

}  // namespace
}  // namespace longhaul::attention
