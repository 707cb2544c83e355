// AVX-512 VNNI: one byte dot product makes sixteen outputs of four inputs each.
#include <algorithm>
#include <cstring>

#include "linear.h"

#ifndef LONGHAUL_EMULATE_AVX512
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c")
#endif
#include "simd_vnni.h"

namespace longhaul::linear {
namespace {

constexpr int kTileValues = kPanelRows * kBlockCols;

void quantise(const LinearProblem& p, int first, int last) {
  const int cols = p.weights.cols, blocks = p.weights.blocks();
  const int bias = p.weights.bits == 8 ? 128 : 8;
  for (int t = first; t < last; t++) {
    const float* x = p.x + size_t(t) * cols;
    int8_t* q = p.rows.values + size_t(t) * cols;
    float* scales = p.rows.scales + size_t(t) * blocks;
    int32_t* offsets = p.rows.offsets + size_t(t) * blocks;
    for (int b = 0; b < blocks; b++, x += kBlockCols, q += kBlockCols) {
      const F low = load_f(x), high = load_f(x + 16);
      const float largest = largest_magnitude(low, high);
      const F inverse = set_f(largest > 0 ? 127.0f / largest : 0.0f);
      const I low_bytes = round_i(mul(low, inverse)), high_bytes = round_i(mul(high, inverse));
      store_bytes(q, low_bytes);
      store_bytes(q + 16, high_bytes);
      scales[b] = largest / 127.0f;
      offsets[b] = -bias * sum(low_bytes, high_bytes);
    }
  }
}

LONGHAUL_INLINE I broadcast_quad(const int8_t* q) {
  int32_t quad;
  std::memcpy(&quad, q, 4);
  return set_i(quad);
}

// The weights of two neighbouring quads of a tile.
template <int kBits> LONGHAUL_INLINE void load_quads(const uint8_t* tile, int pair, I* even, I* odd) {
  if constexpr (kBits == 8) {
    *even = load_i(tile + pair * 128);
    *odd = load_i(tile + pair * 128 + 64);
  } else {
    const I both = load_i(tile + pair * 64);
    *even = low_nibbles(both);
    *odd = high_nibbles(both);
  }
}

// kTokens x (16 kPanels) outputs over all blocks, kept in registers.
template <int kBits, int kTokens, int kPanels>
LONGHAUL_INLINE void tile_product(const LinearProblem& p, int token, int panel, F (&sums)[kTokens][kPanels]) {
  const PackedWeights& w = p.weights;
  const int blocks = w.blocks(), cols = w.cols;
  constexpr size_t kTileBytes = size_t(kTileValues) * kBits / 8;
  const uint8_t* tiles[kPanels];
  const uint16_t* scales[kPanels];
#pragma GCC unroll 8
  for (int n = 0; n < kPanels; n++) {
    tiles[n] = w.panel_values(panel + n);
    scales[n] = w.panel_scales(panel + n);
  }
  const int8_t* q = p.rows.values + size_t(token) * cols;
  const float* row_scales = p.rows.scales + size_t(token) * blocks;
  const int32_t* offsets = p.rows.offsets + size_t(token) * blocks;
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; m++)
#pragma GCC unroll 8
    for (int n = 0; n < kPanels; n++) sums[m][n] = zero();
  for (int b = 0; b < blocks; b++) {
    I acc[kTokens][kPanels];
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; m++)
#pragma GCC unroll 8
      for (int n = 0; n < kPanels; n++) acc[m][n] = set_i(offsets[m * blocks + b]);
#pragma GCC unroll 4
    for (int pair = 0; pair < kQuads / 2; pair++) {
      I even[kPanels], odd[kPanels];
#pragma GCC unroll 8
      for (int n = 0; n < kPanels; n++) load_quads<kBits>(tiles[n] + b * kTileBytes, pair, &even[n], &odd[n]);
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; m++) {
        const I a = broadcast_quad(q + size_t(m) * cols + b * kBlockCols + pair * 8);
#pragma GCC unroll 8
        for (int n = 0; n < kPanels; n++) acc[m][n] = dot_bytes(acc[m][n], even[n], a);
      }
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; m++) {
        const I a = broadcast_quad(q + size_t(m) * cols + b * kBlockCols + pair * 8 + 4);
#pragma GCC unroll 8
        for (int n = 0; n < kPanels; n++) acc[m][n] = dot_bytes(acc[m][n], odd[n], a);
      }
    }
#pragma GCC unroll 8
    for (int n = 0; n < kPanels; n++) {
      const F scale = load_halves(scales[n] + b * kPanelRows);
#pragma GCC unroll 8
      for (int m = 0; m < kTokens; m++) {
        const F both = mul(scale, set_f(row_scales[m * blocks + b]));
        sums[m][n] = fma(to_f(acc[m][n]), both, sums[m][n]);
      }
    }
  }
}

LONGHAUL_INLINE void store_panel(const LinearProblem& p, int token, int panel, F value) {
  const int row = panel * kPanelRows;
  store_lanes(p.out + size_t(token) * p.weights.rows + row, std::min(kPanelRows, p.weights.rows - row), value, p.bias ? p.bias + row : nullptr);
}

template <int kBits, int kTokens, int kPanels> void product(const LinearProblem& p, int token, int panel) {
  F sums[kTokens][kPanels];
  tile_product<kBits, kTokens, kPanels>(p, token, panel, sums);
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; m++)
#pragma GCC unroll 8
    for (int n = 0; n < kPanels; n++) store_panel(p, token + m, panel + n, sums[m][n]);
}

// Many tokens: two panels at a time, so that a panel pair stays in L1 while the unit's tokens pass by in sixes.
template <int kBits, int kPanels> void many_tokens(const LinearProblem& p, int panel, int first, int last) {
  int t = first;
  for (; t + 6 <= last; t += 6) product<kBits, 6, kPanels>(p, t, panel);
  switch (last - t) {
    case 5: product<kBits, 5, kPanels>(p, t, panel); break;
    case 4: product<kBits, 4, kPanels>(p, t, panel); break;
    case 3: product<kBits, 3, kPanels>(p, t, panel); break;
    case 2: product<kBits, 2, kPanels>(p, t, panel); break;
    case 1: product<kBits, 1, kPanels>(p, t, panel); break;
    default: break;
  }
}

// One token: four panels at a time are four streams from memory and four independent chains of sums.
template <int kBits> void one_token(const LinearProblem& p, const Range& r) {
  int panel = r.first_panel;
  for (; panel + 4 <= r.last_panel; panel += 4) product<kBits, 1, 4>(p, r.first_token, panel);
  for (; panel < r.last_panel; panel++) product<kBits, 1, 1>(p, r.first_token, panel);
}

template <int kBits> void multiply_bits(const LinearProblem& p, const Range& r) {
  if (r.last_token - r.first_token == 1) return one_token<kBits>(p, r);
  int panel = r.first_panel;
  for (; panel + 2 <= r.last_panel; panel += 2) many_tokens<kBits, 2>(p, panel, r.first_token, r.last_token);
  if (panel < r.last_panel) many_tokens<kBits, 1>(p, panel, r.first_token, r.last_token);
}

void multiply(const LinearProblem& p, const Range& r) {
  p.weights.bits == 8 ? multiply_bits<8>(p, r) : multiply_bits<4>(p, r);
}

}  // namespace

const Kernels kAvx512VnniKernels{quantise, multiply};

}  // namespace longhaul::linear
