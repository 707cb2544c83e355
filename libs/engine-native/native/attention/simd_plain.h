// Sixteen lanes in plain loops, with the operations of Vec512 and Dot512: the scalar reference of the kernels that are
// generic over lanes, and what AVX-512 kernels are emulated with. Internal linkage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bf16.h"

#ifndef LONGHAUL_INLINE
#define LONGHAUL_INLINE inline __attribute__((always_inline))
#endif

namespace longhaul::attention {
namespace {

/** Sixteen f32 lanes in plain loops: the scalar level of what is generic over lanes. */
struct VecPlain {
  typedef float F __attribute__((vector_size(64)));
  typedef int32_t I __attribute__((vector_size(64)));
  static constexpr int kLanes = 16;

  static LONGHAUL_INLINE F zero() { return F{}; }
  static LONGHAUL_INLINE F set1(float x) { return F{} + x; }
  static LONGHAUL_INLINE F broadcast(const void* x) { return set1(*static_cast<const float*>(x)); }
  static LONGHAUL_INLINE F load(const void* x) {
    F result;
    __builtin_memcpy(&result, x, sizeof result);
    return result;
  }
  static LONGHAUL_INLINE void store(float* to, F x) { __builtin_memcpy(to, &x, sizeof x); }
  static LONGHAUL_INLINE F add(F a, F b) { return a + b; }
  static LONGHAUL_INLINE F sub(F a, F b) { return a - b; }
  static LONGHAUL_INLINE F mul(F a, F b) { return a * b; }
  static LONGHAUL_INLINE F div(F a, F b) { return a / b; }
  static LONGHAUL_INLINE F fma(F a, F b, F c) { return a * b + c; }
  static LONGHAUL_INLINE void accumulate(F& sum, F a, F b) { sum += a * b; }
  static LONGHAUL_INLINE F max(F a, F b) { return a > b ? a : b; }
  static LONGHAUL_INLINE F min(F a, F b) { return a < b ? a : b; }
  static LONGHAUL_INLINE F round(F x) {
    for (int i = 0; i < kLanes; ++i) x[i] = __builtin_rintf(x[i]);
    return x;
  }
  /** x in lane i where bit i of `kept` is set, and `other` elsewhere; higher bits say nothing. */
  static LONGHAUL_INLINE F keep_lanes(F x, unsigned kept, F other) {
    for (int i = 0; i < kLanes; ++i) other[i] = (kept >> i & 1u) != 0 ? x[i] : other[i];
    return other;
  }
  static LONGHAUL_INLINE F pair_low(const void* pairs) { return (F)((I)load(pairs) << 16); }
  static LONGHAUL_INLINE F pair_high(const void* pairs) { return (F)((I)load(pairs) & ~0xffff); }
  static LONGHAUL_INLINE F scale_exp2(F fraction, F whole) {
    for (int i = 0; i < kLanes; ++i) {
      const float exponent = whole[i] < -200.0f ? -200.0f : whole[i];
      fraction[i] = __builtin_scalbnf(fraction[i], static_cast<int>(exponent));
    }
    return fraction;
  }
  static LONGHAUL_INLINE F exp2_whole(F whole) {
    for (int i = 0; i < kLanes; ++i) whole[i] = whole[i] < -126.0f ? 0.0f : __builtin_scalbnf(1.0f, static_cast<int>(whole[i]));
    return whole;
  }
  static LONGHAUL_INLINE F look_up_four(const float* table, F index) {
    for (int i = 0; i < kLanes; ++i) index[i] = table[static_cast<int>(index[i])];
    return index;
  }
  static LONGHAUL_INLINE F ceil(F x) {
    for (int i = 0; i < kLanes; ++i) x[i] = __builtin_ceilf(x[i]);
    return x;
  }
  static LONGHAUL_INLINE unsigned greater(F a, F b) {
    unsigned lanes = 0;
    for (int i = 0; i < kLanes; ++i) lanes |= (a[i] > b[i] ? 1u : 0u) << i;
    return lanes;
  }
  static LONGHAUL_INLINE F max_of_rows(const float* rows) {
    F largest;
    for (int i = 0; i < kLanes; ++i) largest[i] = reduce_max(load(rows + kLanes * i));
    return largest;
  }
  static LONGHAUL_INLINE float reduce_add(F x) {
    float sum = 0.0f;
    for (int i = 0; i < kLanes; ++i) sum += x[i];
    return sum;
  }
  static LONGHAUL_INLINE float reduce_max(F x) {
    float maximum = x[0];
    for (int i = 1; i < kLanes; ++i) maximum = x[i] > maximum ? x[i] : maximum;
    return maximum;
  }
  static LONGHAUL_INLINE F dot_pairs(F sum, F a, F b) {
    sum += pair_high(&a) * pair_high(&b);
    return sum + pair_low(&a) * pair_low(&b);
  }
  static LONGHAUL_INLINE void store_bf16(uint32_t* to, F x) {
    for (int i = 0; i < 8; ++i) to[i] = bf16_pair(x[2 * i], x[2 * i + 1]);
  }
};

/** The integer products of integer_dot.h. */
struct DotPlain {
  using V = VecPlain;
  struct Bytes {
    uint8_t lane[64];
  };
  using Acc = V::I;
  static constexpr int kShallowRows = 8;
  static constexpr int columns(int rows) { return rows <= 6 ? 4 : 2; }

  static LONGHAUL_INLINE Acc start(int32_t x) { return Acc{} + x; }
  static LONGHAUL_INLINE Bytes load_keys(const void* x) {
    Bytes bytes;
    std::memcpy(&bytes, x, sizeof bytes);
    return bytes;
  }
  static LONGHAUL_INLINE Bytes load_values(const void* x) { return load_keys(x); }
  static LONGHAUL_INLINE void dot_keys(Acc& acc, const Bytes& keys, const void* query) {
    const auto* quad = static_cast<const int8_t*>(query);
    for (int i = 0; i < 64; ++i) acc[i / 4] += int32_t{keys.lane[i]} * quad[i % 4];
  }
  struct Quad {
    uint8_t byte[4];
  };
  static LONGHAUL_INLINE Quad broadcast(const void* bytes) {
    Quad quad;
    std::memcpy(&quad, bytes, sizeof quad);
    return quad;
  }
  static LONGHAUL_INLINE void dot_values(Acc& acc, Quad probabilities, const Bytes& values) {
    for (int i = 0; i < 64; ++i)
      acc[i / 4] += int32_t{probabilities.byte[i % 4]} * static_cast<int8_t>(values.lane[i]);
  }
  static LONGHAUL_INLINE Acc load_sums(const void* x) {
    Acc sums;
    std::memcpy(&sums, x, sizeof sums);
    return sums;
  }
  static LONGHAUL_INLINE V::F to_float(Acc acc) { return __builtin_convertvector(acc, V::F); }
  static LONGHAUL_INLINE void store_bytes(uint8_t* to, const V::F (&x)[4]) {
    for (int i = 0; i < 64; ++i) {
      const float whole = __builtin_rintf(x[i / 16][i % 16]);
      to[i] = static_cast<uint8_t>(whole > 0.0f ? whole < 255.0f ? whole : 255.0f : 0.0f);
    }
  }
  static constexpr int byte_of_quad(int quad) { return 4 * quad; }
};

}  // namespace
}  // namespace longhaul::attention
