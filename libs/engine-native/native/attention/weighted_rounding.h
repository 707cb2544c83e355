// Rows of an int8 pool that meet others in a dot product, keys and queries: as quantise_row, but what rounding leaves is moved
// to where it does little harm. Every kernel level compiles it for itself; internal linkage.
//
// A key is rounded in its rotated basis, where the error falls on all channels alike. Yet channels that are large in keys are
// large in the queries that meet them, too (arXiv:2502.01563), and an error there is multiplied with them. So each channel is
// weighed by its size in the row itself, and the roundings that lower the weighed error most are made the other way.
#pragma once

#include <cstring>

#include "head_basis.h"
#include "quantise_row.h"

namespace longhaul::attention {
namespace {

/** Added to a channel's weight, in means of all: bounds what is pushed into small ones. */
constexpr float kLeastWeight = 0.25f;
/** Dimensions for each rounding that is made the other way. Half as many gain nearly as much. */
constexpr int kDimsPerNudge = 8;

/** Weights of the channels of a rotated row, [dims]: RoPE turns a channel and its partner, half a row on, into each other. */
inline void weigh_channels(const float* row, int dims, float* weights) {
  std::memcpy(weights, row, sizeof(float) * static_cast<size_t>(dims));
  rotate_head(weights, dims);
  Eight total = {};
  for (int d = 0; d < dims / 2; d += 8) {
    const Eight size = magnitude(load_eight(weights + d)) + magnitude(load_eight(weights + dims / 2 + d));
    store_eight(weights + d, size);
    store_eight(weights + dims / 2 + d, size);
    total += size;
  }
  float sum = 0.0f;
  for (int i = 0; i < 8; ++i) sum += total[i];
  const float least = kLeastWeight * 2.0f * sum / static_cast<float>(dims);
  for (int d = 0; d < dims; d += 8) store_eight(weights + d, load_eight(weights + d) + least);
}

/** The number of those rounded ones [dims] which has the steepest slope and can be moved by one; -1 where all are at an end of the range. */
LONGHAUL_INLINE int steepest(const float* rounded, const float* slopes, int dims) {
  // Sizes of slopes, compared as whole numbers, with one more than the number in the low nine bits.
  EightInts best = {};
  EightInts number = {1, 2, 3, 4, 5, 6, 7, 8};
  for (int d = 0; d < dims; d += 8) {
    const EightInts size = (EightInts)magnitude(load_eight(slopes + d)) & ~0x1ff;
    const EightInts candidate = (size | number) & (EightInts)(magnitude(load_eight(rounded + d)) < 126.5f);
    best = candidate > best ? candidate : best;
    number += 8;
  }
  int found = 0;
  for (int i = 0; i < 8; ++i) found = best[i] > found ? best[i] : found;
  return (found & 0x1ff) - 1;
}

/**
 * Moves some of the rounded numbers of one piece of the rotation by one, so that the weighed square of the errors falls.
 *
 * @param slopes [dims] half the derivative of that square by each number; kept true.
 * @param influence [dims] what moving number i by one adds to the slope of number i ^ j, at j.
 */
inline void nudge_piece(float* rounded, float* slopes, const float* influence, int dims) {
  for (int nudge = 0; nudge < dims / kDimsPerNudge; ++nudge) {
    const int at = steepest(rounded, slopes, dims);
    if (at < 0 || !(2.0f * __builtin_fabsf(slopes[at]) > influence[0])) return;
    const float step = slopes[at] > 0.0f ? -1.0f : 1.0f;
    rounded[at] += step;
    for (int d = 0; d < dims; d += 8) {
      const Eight change = swap_lanes(load_eight(influence + (d ^ (at & ~7))), at & 7);
      store_eight(slopes + d, load_eight(slopes + d) + change * step);
    }
  }
}

/** Rounds a row [dims], times `inverse`; leaves the errors in `errors`. */
inline void round_to_nearest(const float* x, float inverse, int dims, float* rounded, float* errors) {
  for (int d = 0; d < dims; d += 8) {
    const Eight exact = load_eight(x + d) * inverse;
    const Eight whole = (exact + kRoundingNumber) - kRoundingNumber;
    store_eight(rounded + d, whole);
    store_eight(errors + d, whole - exact);
  }
}

/** Turns errors into the slopes, and weights into the influence, that nudge_piece takes. All [dims]. */
inline void weigh_errors(float* errors, float* weights, int dims) {
  rotate_head(errors, dims);
  for (int d = 0; d < dims; d += 8) store_eight(errors + d, load_eight(errors + d) * load_eight(weights + d));
  rotate_head(errors, dims);
  rotate_head(weights, dims);
  const float factor = 1.0f / __builtin_sqrtf(static_cast<float>(rotation_length(dims)));
  for (int d = 0; d < dims; d += 8) store_eight(weights + d, load_eight(weights + d) * factor);
}

/**
 * Quantises a row of the rotated basis to [-127, 127] by the scale that quantise_row has, and returns it. Cost: four rotations,
 * and up to dims * dims / 8 multiplications and comparisons each.
 */
inline float quantise_rotated_row(const float* x, int dims, int8_t* to) {
  const float largest = largest_magnitude(x, dims);
  if (!(largest > kNothing)) return quantise_row(x, dims, to);
  alignas(64) float rounded[kMaxHeadDim];
  alignas(64) float slopes[kMaxHeadDim];
  alignas(64) float influence[kMaxHeadDim];
  round_to_nearest(x, 127.0f / largest, dims, rounded, slopes);
  weigh_channels(x, dims, influence);
  weigh_errors(slopes, influence, dims);
  const int piece = rotation_length(dims);
  for (int begin = 0; begin < dims; begin += piece) nudge_piece(rounded + begin, slopes + begin, influence + begin, piece);
  for (int d = 0; d < dims; d += 8) store_low_bytes(to + d, (EightInts)(load_eight(rounded + d) + kRoundingNumber));
  return largest / 127.0f;
}

}  // namespace
}  // namespace longhaul::attention
