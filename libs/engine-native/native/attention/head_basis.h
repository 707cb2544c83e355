// The basis that keys and values of an int8 pool are kept in: an orthogonal rotation over the head dimension. It spreads
// a channel that is far larger than the others over many, so that one scale per token serves all of them (the Hadamard
// rotation of QuaRot, arXiv:2404.00456, section 3). Applied behind RoPE to keys and to the queries that meet them, it
// leaves every dot product as it is; sums of rotated values are the rotated sums, and are turned back at the end.
// Every kernel level compiles it for itself; internal linkage.
#pragma once

#include "kv_layout.h"
#include "lanes.h"

namespace longhaul::attention {
namespace {

/** Length of the pieces that are rotated: the largest power of two that divides the head dimension. */
constexpr int rotation_length(int head_dim) { return head_dim & -head_dim; }

/** Sums where the bit kDistance of a lane's number is 0, differences where it is 1, of lanes that differ in that bit. */
template <int kDistance>
LONGHAUL_INLINE Eight add_neighbours(Eight x) {
  constexpr auto sign = [](int lane) { return (lane & kDistance) == 0 ? 1.0f : -1.0f; };
  return swap_lanes<kDistance>(x) + x * Eight{sign(0), sign(1), sign(2), sign(3), sign(4), sign(5), sign(6), sign(7)};
}

/** The same for vectors whose numbers differ in the bit kDistance, then for all higher bits. */
template <int kDistance, int kVectors>
LONGHAUL_INLINE void add_vectors(Eight (&x)[kVectors]) {
#pragma GCC unroll 16
  for (int pair = 0; pair < kVectors / 2; ++pair) {
    const int i = pair / kDistance * 2 * kDistance + pair % kDistance;
    const Eight a = x[i];
    const Eight b = x[i + kDistance];
    x[i] = a + b;
    x[i + kDistance] = a - b;
  }
  if constexpr (2 * kDistance < kVectors) add_vectors<2 * kDistance>(x);
}

template <int kLength>
void rotate_pieces(float* x, int head_dim) {
  const float factor = 1.0f / __builtin_sqrtf(static_cast<float>(kLength));
  for (int begin = 0; begin < head_dim; begin += kLength) {
    Eight v[kLength / 8];
#pragma GCC unroll 32
    for (int i = 0; i < kLength / 8; ++i) {
      v[i] = add_neighbours<4>(add_neighbours<2>(add_neighbours<1>(load_eight(x + begin + 8 * i))));
    }
    add_vectors<1>(v);
#pragma GCC unroll 32
    for (int i = 0; i < kLength / 8; ++i) store_eight(x + begin + 8 * i, v[i] * factor);
  }
}

/**
 * Rotates [head_dim] floats in place: the Walsh-Hadamard transform of each piece over the root of its length. Its own
 * inverse, so it also turns a stored key into the key as RoPE left it, and a stored value back. Cost: head_dim * log2(rotation_length) additions.
 */
inline void rotate_head(float* x, int head_dim) {
  switch (rotation_length(head_dim)) {
    case 16:
      return rotate_pieces<16>(x, head_dim);
    case 32:
      return rotate_pieces<32>(x, head_dim);
    case 64:
      return rotate_pieces<64>(x, head_dim);
    case 128:
      return rotate_pieces<128>(x, head_dim);
    default:
      return rotate_pieces<kMaxHeadDim>(x, head_dim);
  }
}

}  // namespace
}  // namespace longhaul::attention
