// The basis that keys and values of an int8 pool are kept in: an orthogonal rotation over the head dimension. It spreads
// a channel that is far larger than the others over many, so that one scale per token serves all of them (the Hadamard
// rotation of QuaRot, arXiv:2404.00456, section 3). Applied behind RoPE to keys and to the queries that meet them, it
// leaves every dot product as it is; sums of rotated values are the rotated sums, and are turned back at the end. Plain
// loops, which every kernel level compiles for itself; internal linkage.
#pragma once

#include "kv_layout.h"

namespace longhaul::attention {
namespace {

/** Length of the pieces that are rotated: the largest power of two that divides the head dimension. */
constexpr int rotation_length(int head_dim) { return head_dim & -head_dim; }

/**
 * Rotates [head_dim] floats in place: the Walsh-Hadamard transform of each piece over the root of its length. Its own
 * inverse, so it also turns a stored key into the key as RoPE left it, and a stored value back. Cost: head_dim * log2(rotation_length) additions.
 */
inline void rotate_head(float* x, int head_dim) {
  const int length = rotation_length(head_dim);
  for (int half = 1; half < length; half *= 2) {
    for (int begin = 0; begin < head_dim; begin += 2 * half) {
      for (int i = begin; i < begin + half; ++i) {
        const float a = x[i];
        const float b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
    }
  }
  const float factor = 1.0f / __builtin_sqrtf(static_cast<float>(length));
  for (int d = 0; d < head_dim; ++d) x[d] *= factor;
}

}  // namespace
}  // namespace longhaul::attention
