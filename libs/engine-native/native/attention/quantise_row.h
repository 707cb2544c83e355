// Rows of an int8 pool as bytes: one scale for all of a row. Every kernel level compiles it for itself; internal linkage.
#pragma once

#include "lanes.h"

namespace longhaul::attention {
namespace {

/** Largest magnitude of a row of finite numbers; NaN where one is not finite. `dims` is a multiple of 8. */
inline float largest_magnitude(const float* x, int dims) {
  Eight largest = {};
  Eight zeros = {};
  for (int d = 0; d < dims; d += 8) {
    const Eight v = load_eight(x + d);
    const Eight size = magnitude(v);
    largest = size > largest ? size : largest;
    zeros += v * 0.0f;
  }
  float result = 0.0f;
  float zero = 0.0f;
  for (int i = 0; i < 8; ++i) {
    result = largest[i] > result ? largest[i] : result;
    zero += zeros[i];
  }
  return result + zero;
}

/** Added to |x| <= 2^22, leaves the nearest whole number (ties to even) in the low bits: 1.5 * 2^23. */
constexpr float kRoundingNumber = 12582912.0f;

/** A row whose largest magnitude is not above it becomes zeros. */
constexpr float kNothing = 1e-30f;

/**
 * Quantises a row to [-127, 127] by its largest magnitude (one scale for all of it; symmetric, so that 0 stays 0).
 * Returns the scale, which is NaN where a number is not finite: what is computed with it is then NaN, too, and the
 * sampler finds it.
 */
inline float quantise_row(const float* x, int dims, int8_t* to) {
  const float largest = largest_magnitude(x, dims);
  const float inverse = largest > kNothing ? 127.0f / largest : 0.0f;
  for (int d = 0; d < dims; d += 8) {
    store_low_bytes(to + d, (EightInts)(load_eight(x + d) * inverse + kRoundingNumber));
  }
  return largest > kNothing || largest != largest ? largest / 127.0f : 0.0f;
}

}  // namespace
}  // namespace longhaul::attention
