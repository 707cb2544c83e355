// Activations to int8, sixteen blocks at a time. Include it behind `#pragma GCC target`; internal linkage.
#pragma once

#include <algorithm>

#include "simd_vnni.h"

namespace longhaul::linear {
namespace {

constexpr int kBlocksTogether = 16;

// Where the blocks of a token go.
struct BlocksOfToken {
  int8_t* values;
  // Bytes from the values of one block to those of the next.
  size_t value_step;
  float* scales;
  size_t scale_step;
  // One a block, or null where nobody wants them.
  int32_t* offsets;
};

LONGHAUL_INLINE void store_scales(const BlocksOfToken& to, int first, int count, F scales) {
  if (to.scale_step == 1) return store_first(to.scales + first, count, scales);
  float each[kBlocksTogether];
  store_f(each, scales);
  for (int i = 0; i < count; i++) to.scales[size_t(first + i) * to.scale_step] = each[i];
}

// Blocks [first, first + count) of a token, count <= kBlocksTogether: a lane for each block's maximum, scale and sum.
LONGHAUL_INLINE void quantise_blocks(const float* x, const BlocksOfToken& to, int first, int count, int bits) {
  F maxima[kBlocksTogether];
  I sums[kBlocksTogether];
  for (int i = 0; i < kBlocksTogether; i++) {
    prefetch(x + (i + kBlocksTogether) * kBlockCols);
    prefetch(x + (i + kBlocksTogether) * kBlockCols + 16);
    maxima[i] = i < count ? max(magnitude(load_f(x + i * kBlockCols)), magnitude(load_f(x + i * kBlockCols + 16))) : zero();
  }
  const F largest = row_maxima(maxima);
  store_scales(to, first, count, divide(largest, set_f(127.0f)));
  float inverses[kBlocksTogether];
  store_f(inverses, divide_or_zero(set_f(127.0f), largest));
  for (int i = 0; i < kBlocksTogether; i++) {
    sums[i] = set_i(0);
    if (i >= count) continue;
    const F inverse = set_f(inverses[i]);
    const I low = round_i(mul(load_f(x + i * kBlockCols), inverse)), high = round_i(mul(load_f(x + i * kBlockCols + 16), inverse));
    int8_t* q = to.values + size_t(first + i) * to.value_step;
    store_bytes(q, low);
    store_bytes(q + 16, high);
    sums[i] = add_i(low, high);
  }
  if (to.offsets) store_first(to.offsets + first, count, mul_i(row_sums(sums), set_i(bits == 8 ? -128 : -8)));
}

inline void quantise_token(const LinearProblem& p, int token, const BlocksOfToken& to) {
  const int blocks = p.weights.blocks();
  const float* x = p.x + size_t(token) * p.weights.cols;
  for (int b = 0; b < blocks; b += kBlocksTogether)
    quantise_blocks(x + b * kBlockCols, to, b, std::min(kBlocksTogether, blocks - b), p.weights.bits);
}

}  // namespace
}  // namespace longhaul::linear
