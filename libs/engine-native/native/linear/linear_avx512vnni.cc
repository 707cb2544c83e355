// AVX-512 VNNI: one byte dot product makes sixteen outputs of four inputs each.
#include <algorithm>
#include <cstring>
#include <vector>

#include "linear.h"

#ifndef LONGHAUL_EMULATE_AVX512
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c,prfchw")
#endif
#include "quantise_vnni.h"
#include "simd_vnni.h"

namespace longhaul::linear {
namespace {

constexpr size_t kLineBytes = 64;
template <int kBits> constexpr size_t kTileBytes = size_t(kPanelRows) * kBlockCols * kBits / 8;
// Weights that stay in L2 while a unit's tokens pass by: a quarter of the smallest L2 that has this instruction.
constexpr size_t kResidentBytes = 256 << 10;
// How far ahead of the dot products of few tokens memory is asked for; the hardware alone keeps too little under way.
constexpr size_t kStreamBytes = 4096;
// From so many tokens on it pays to make bytes of nibbles first.
constexpr int kWidenTokens = 128;

void quantise(const LinearProblem& p, int first, int last) {
  const int blocks = p.weights.blocks();
  for (int t = first; t < last; t++) {
    const size_t begin = size_t(t) * blocks;
    const BlocksOfToken to{p.rows.values + begin * kBlockCols, kBlockCols, p.rows.scales + begin, 1, p.rows.offsets + begin};
    quantise_token(p, t, to);
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

// What a tile asks memory for on its way because a later tile needs it: `lines` cache lines a block, from `next` on, into L2.
struct Ahead {
  const uint8_t* next = nullptr;
  int lines = 0;
};

// Asks for the block that is kStreamBytes ahead of block `b` in a stream of every kPanels-th panel.
template <int kBits, int kPanels> LONGHAUL_INLINE void prefetch_stream(const uint8_t* tiles, const uint16_t* scales, int b, int blocks) {
  int ahead = b + int(kStreamBytes / kTileBytes<kBits>);
  if (ahead >= blocks) ahead += (kPanels - 1) * blocks;
  for (size_t line = 0; line < kTileBytes<kBits>; line += kLineBytes) prefetch(tiles + size_t(ahead) * kTileBytes<kBits> + line);
  prefetch(scales + size_t(ahead) * kPanelRows);
}

// kTokens x (16 kPanels) outputs over all blocks, kept in registers. `values` are those of `panel` and of the panels behind it.
template <int kBits, int kTokens, int kPanels, bool kStreamed>
LONGHAUL_INLINE void tile_product(const LinearProblem& p, int token, int panel, const uint8_t* values, Ahead& ahead,
                                  F (&sums)[kTokens][kPanels]) {
  const PackedWeights& w = p.weights;
  const int blocks = w.blocks(), cols = w.cols;
  const uint8_t* tiles[kPanels];
  const uint16_t* scales[kPanels];
#pragma GCC unroll 8
  for (int n = 0; n < kPanels; n++) {
    tiles[n] = values + size_t(n) * blocks * kTileBytes<kBits>;
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
    for (int i = 0; i < ahead.lines; i++, ahead.next += kLineBytes) prefetch_l2(ahead.next);
    if constexpr (kStreamed) {
      for (int n = 0; n < kPanels; n++) prefetch_stream<kBits, kPanels>(tiles[n], scales[n], b, blocks);
    }
    I acc[kTokens][kPanels];
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; m++)
#pragma GCC unroll 8
      for (int n = 0; n < kPanels; n++) acc[m][n] = set_i(offsets[m * blocks + b]);
#pragma GCC unroll 4
    for (int pair = 0; pair < kQuads / 2; pair++) {
      I even[kPanels], odd[kPanels];
#pragma GCC unroll 8
      for (int n = 0; n < kPanels; n++) load_quads<kBits>(tiles[n] + b * kTileBytes<kBits>, pair, &even[n], &odd[n]);
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

template <int kBits, int kTokens, int kPanels, bool kStreamed = false>
void product(const LinearProblem& p, int token, int panel, const uint8_t* values, Ahead& ahead) {
  // The lines of the output come while the sums are made: they would hold up the stores.
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; m++)
#pragma GCC unroll 8
    for (int n = 0; n < kPanels; n++) prefetch_to_write(p.out + size_t(token + m) * p.weights.rows + (panel + n) * kPanelRows);
  F sums[kTokens][kPanels];
  tile_product<kBits, kTokens, kPanels, kStreamed>(p, token, panel, values, ahead, sums);
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; m++)
#pragma GCC unroll 8
    for (int n = 0; n < kPanels; n++) store_panel(p, token + m, panel + n, sums[m][n]);
}

// A group of tokens times a run of panels, two at a time: twelve chains of sums hide the latency of a dot product.
template <int kBits, int kTokens>
void group_product(const LinearProblem& p, int token, const Range& r, const uint8_t* values, Ahead& ahead) {
  const size_t panel_bytes = size_t(p.weights.blocks()) * kTileBytes<kBits>;
  int panel = r.first_panel;
  for (; panel + 2 <= r.last_panel; panel += 2, values += 2 * panel_bytes) product<kBits, kTokens, 2>(p, token, panel, values, ahead);
  if (panel < r.last_panel) product<kBits, kTokens, 1>(p, token, panel, values, ahead);
}

// Panels whose weights, kBits each at `values`, stay in L2 while the tokens pass by in groups. Meanwhile the weights behind them
// are fetched, a share with every tile.
template <int kBits> void panel_run(const LinearProblem& p, const Range& r, const uint8_t* values) {
  const int panels = r.last_panel - r.first_panel, groups = (r.last_token - r.first_token + kGroupTokens - 1) / kGroupTokens;
  const int tiles = groups * ((panels + 1) / 2), lines = panels * int(p.weights.tile_bytes() / kLineBytes);
  Ahead ahead{p.weights.panel_values(r.last_panel), (lines + tiles - 1) / tiles};
  for (int t = r.first_token; t < r.last_token; t += kGroupTokens) {
    switch (r.last_token - t) {
      case 1: group_product<kBits, 1>(p, t, r, values, ahead); break;
      case 2: group_product<kBits, 2>(p, t, r, values, ahead); break;
      case 3: group_product<kBits, 3>(p, t, r, values, ahead); break;
      case 4: group_product<kBits, 4>(p, t, r, values, ahead); break;
      case 5: group_product<kBits, 5>(p, t, r, values, ahead); break;
      default: group_product<kBits, kGroupTokens>(p, t, r, values, ahead);
    }
  }
}

// Nibbles to bytes, of the run's panels, once for all its tokens.
const uint8_t* widen_run(const LinearProblem& p, const Range& r) {
  static thread_local std::vector<uint8_t> buffer;
  const size_t tiles = size_t(r.last_panel - r.first_panel) * p.weights.blocks();
  buffer.resize(std::max(buffer.size(), tiles * kTileBytes<8> + kLineBytes));
  auto* to = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(buffer.data()) + kLineBytes - 1) & ~uintptr_t(kLineBytes - 1));
  const uint8_t* from = p.weights.panel_values(r.first_panel);
  for (size_t line = 0; line < tiles * kTileBytes<4> / kLineBytes; line++) {
    I even, odd;
    load_quads<4>(from, int(line), &even, &odd);
    store_i(to + line * 2 * kLineBytes, even);
    store_i(to + line * 2 * kLineBytes + kLineBytes, odd);
  }
  return to;
}

void many_tokens(const LinearProblem& p, const Range& r) {
  const bool widen = p.weights.bits == 4 && r.last_token - r.first_token >= kWidenTokens;
  const size_t panel_bytes = p.weights.blocks() * (widen ? kTileBytes<8> : p.weights.tile_bytes());
  const int together = std::max(2, int(kResidentBytes / panel_bytes) / 2 * 2);
  for (int panel = r.first_panel; panel < r.last_panel; panel += together) {
    const Range run{panel, std::min(panel + together, r.last_panel), r.first_token, r.last_token};
    if (widen) panel_run<8>(p, run, widen_run(p, run));
    else if (p.weights.bits == 8) panel_run<8>(p, run, p.weights.panel_values(panel));
    else panel_run<4>(p, run, p.weights.panel_values(panel));
  }
}

// Few tokens: weights are used once, straight from memory, kPanels streams at a time.
template <int kBits, int kTokens, int kPanels> void few_tokens(const LinearProblem& p, const Range& r) {
  Ahead none;
  int panel = r.first_panel;
  for (; panel + kPanels <= r.last_panel; panel += kPanels) product<kBits, kTokens, kPanels, true>(p, r.first_token, panel, p.weights.panel_values(panel), none);
  for (; panel < r.last_panel; panel++) product<kBits, kTokens, 1, true>(p, r.first_token, panel, p.weights.panel_values(panel), none);
}

template <int kBits> void few_tokens_of(const LinearProblem& p, const Range& r) {
  switch (r.last_token - r.first_token) {
    case 1: return few_tokens<kBits, 1, 4>(p, r);
    case 2: return few_tokens<kBits, 2, 4>(p, r);
    case 3: return few_tokens<kBits, 3, 2>(p, r);
    default: return few_tokens<kBits, kFewTokens, 2>(p, r);
  }
}

void multiply(const LinearProblem& p, const Range& r) {
  if (p.tokens > kFewTokens) return many_tokens(p, r);
  p.weights.bits == 8 ? few_tokens_of<8>(p, r) : few_tokens_of<4>(p, r);
}

}  // namespace

const Kernels kAvx512VnniKernels{quantise, multiply};

}  // namespace longhaul::linear
