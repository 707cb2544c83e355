// AMX: a tile holds the products of sixteen tokens and sixteen outputs over one block. What makes numbers of them, a scale for
// each (token, block) and (output, block), is f32 arithmetic in AVX-512, and takes longer than the products: both phases
// follow each other in chunks that stay in L1. (On the processor this was written on, the second unit for f32 products
// rests while tile instructions are under way, so that mixing the phases gains nothing.)
//
// Integers are exact and blocks are added in the order of AVX-512 VNNI, so outputs have its bits; it does the calls of few tokens.
#include <algorithm>
#include <vector>

#include "cpu/tiles.h"
#include "linear.h"

#ifndef LONGHAUL_EMULATE_AVX512
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c,prfchw")
#endif
#include "quantise_vnni.h"
#include "simd_vnni.h"

namespace longhaul::linear {
namespace {

constexpr size_t kLineBytes = 64;
// Bytes of a block of sixteen tokens, or of sixteen outputs.
constexpr size_t kBlockBytes = size_t(kTileTokens) * kBlockCols;
// Sums of sixteen tokens and outputs.
constexpr int kTileSums = kTileTokens * kPanelRows;
// Blocks whose products wait in L1 for their scales: with two times two tiles a third of it.
constexpr int kChunkBlocks = 4;
// Signed weights that stay in L2 while a unit's tokens pass by.
constexpr size_t kResidentBytes = 256 << 10;

// Tiles 0..3: sums of two groups of tokens times two panels; 4, 5: the groups' values; 6, 7: the panels' weights.
constexpr cpu::TileShape kSums{kTileTokens, 4 * kPanelRows}, kValues{kTileTokens, kBlockCols}, kWeights{kQuads, 4 * kPanelRows};
constexpr cpu::TileConfig kTiles({kSums, kSums, kSums, kSums, kValues, kValues, kWeights, kWeights});

bool tiled(const LinearProblem& p) { return p.tokens >= kLeastTileTokens; }

// Values are [groups][blocks][16 tokens][32 inputs], scales [groups][blocks][16 tokens]. Tokens beyond the last hold what was there before.
const int8_t* group_values(const LinearProblem& p, int group) {
  return p.rows.values + size_t(group) * p.weights.blocks() * kBlockBytes;
}
const float* group_scales(const LinearProblem& p, int group) {
  return p.rows.scales + size_t(group) * p.weights.blocks() * kTileTokens;
}

void quantise(const LinearProblem& p, int first, int last) {
  if (!tiled(p)) return kAvx512VnniKernels.quantise(p, first, last);
  for (int t = first; t < last; t++) {
    const size_t group = size_t(t / kTileTokens) * p.weights.blocks();
    const int lane = t % kTileTokens;
    const BlocksOfToken to{p.rows.values + group * kBlockBytes + size_t(lane) * kBlockCols, kBlockBytes,
                           p.rows.scales + group * kTileTokens + lane, kTileTokens, nullptr};
    quantise_token(p, t, to);
  }
}

// The operands of kGroups x kPanels tiles, at their first block.
struct Operands {
  const int8_t* values[2];
  const float* value_scales[2];
  const uint8_t* weights[2];
  const uint16_t* weight_scales[2];
  // Weights that a later run of panels needs, `lines` cache lines a block.
  const uint8_t* next;
  int lines;
};

// Products of kChunkBlocks blocks, [group x panel][block][16 tokens][16 outputs].
struct Products {
  alignas(64) int32_t sums[4][kChunkBlocks][kTileSums];
};

template <int kTile> LONGHAUL_INLINE void store_sums(Products& to, int block) { cpu::store_tile<kTile>(to.sums[kTile][block], 4 * kPanelRows); }

// The products of block `b` of the operands, left in the tiles. Those of the block before are stored on the way: a tile is stored
// while others are computed.
template <int kGroups, int kPanels> LONGHAUL_INLINE void block_products(const Operands o, int b, Products& to, int before) {
  const size_t offset = size_t(b) * kBlockBytes;
  if (before >= 0) store_sums<0>(to, before);
  cpu::load_tile<4>(o.values[0] + offset, kBlockCols);
  cpu::load_tile<6>(o.weights[0] + offset, 4 * kPanelRows);
  cpu::clear_tile<0>();
  cpu::dot_signed<0, 4, 6>();
  if constexpr (kPanels == 2) {
    if (before >= 0) store_sums<1>(to, before);
    cpu::load_tile<7>(o.weights[1] + offset, 4 * kPanelRows);
    cpu::clear_tile<1>();
    cpu::dot_signed<1, 4, 7>();
  }
  if constexpr (kGroups == 2) {
    if (before >= 0) store_sums<2>(to, before);
    cpu::load_tile<5>(o.values[1] + offset, kBlockCols);
    cpu::clear_tile<2>();
    cpu::dot_signed<2, 5, 6>();
  }
  if constexpr (kGroups == 2 && kPanels == 2) {
    if (before >= 0) store_sums<3>(to, before);
    cpu::clear_tile<3>();
    cpu::dot_signed<3, 5, 7>();
  }
}

template <int kGroups, int kPanels> LONGHAUL_INLINE void chunk_products(const Operands o, int first, int count, Products& to) {
  block_products<kGroups, kPanels>(o, first, to, -1);
  for (int b = 1; b < count; b++) block_products<kGroups, kPanels>(o, first + b, to, b - 1);
  store_sums<0>(to, count - 1);
  if constexpr (kPanels == 2) store_sums<1>(to, count - 1);
  if constexpr (kGroups == 2) store_sums<2>(to, count - 1);
  if constexpr (kGroups == 2 && kPanels == 2) store_sums<3>(to, count - 1);
}

// Adds a chunk of one tile to the sums of sixteen tokens.
LONGHAUL_INLINE void add_chunk(const int32_t (*products)[kTileSums], const float* value_scales, const uint16_t* weight_scales, int count,
                               F (&sums)[kTileTokens]) {
  for (int b = 0; b < count; b++) {
    const F scale = load_halves(weight_scales + b * kPanelRows);
#pragma GCC unroll 16
    for (int m = 0; m < kTileTokens; m++) {
      const F both = mul(scale, set_f(value_scales[b * kTileTokens + m]));
      sums[m] = fma(to_f(load_i(products[b] + m * kPanelRows)), both, sums[m]);
    }
  }
}

// Sums of a tile between chunks.
using Partial = float[kTileTokens][kPanelRows];

LONGHAUL_INLINE void store_outputs(const LinearProblem& p, int token, int panel, const F (&sums)[kTileTokens]) {
  const int row = panel * kPanelRows, count = std::min(kPanelRows, p.weights.rows - row);
  const int tokens = std::min(kTileTokens, p.tokens - token);
  const float* bias = p.bias ? p.bias + row : nullptr;
  float* out = p.out + size_t(token) * p.weights.rows + row;
#pragma GCC unroll 16
  for (int m = 0; m < kTileTokens; m++)
    if (m < tokens) store_lanes(out + size_t(m) * p.weights.rows, count, sums[m], bias);
}

// The lines of the outputs of some tokens of a group, so that the stores need not wait for them.
template <int kPanels> LONGHAUL_INLINE void prefetch_outputs(const LinearProblem& p, int first, int last, int panel) {
  for (int t = first; t < std::min(last, p.tokens); t++)
    for (int n = 0; n < kPanels; n++) prefetch_to_write(p.out + size_t(t) * p.weights.rows + (panel + n) * kPanelRows);
}

template <int kGroups, int kPanels> void product(const LinearProblem& p, int group, int panel, Operands& o) {
  const int blocks = p.weights.blocks();
  Products products;
  alignas(64) Partial partial[4];
  // A share of the outputs with every chunk.
  const int chunks = (blocks + kChunkBlocks - 1) / kChunkBlocks, share = (kGroups * kTileTokens + chunks - 1) / chunks;
  int token = group * kTileTokens;
  for (int first = 0; first < blocks; first += kChunkBlocks) {
    const int count = std::min(kChunkBlocks, blocks - first);
    for (int i = 0; i < o.lines * count; i++, o.next += kLineBytes) prefetch_l2(o.next);
    prefetch_outputs<kPanels>(p, token, std::min(token + share, (group + kGroups) * kTileTokens), panel);
    token += share;
    chunk_products<kGroups, kPanels>(o, first, count, products);
    for (int g = 0; g < kGroups; g++)
      for (int n = 0; n < kPanels; n++) {
        const int tile = 2 * g + n;
        F sums[kTileTokens];
#pragma GCC unroll 16
        for (int m = 0; m < kTileTokens; m++) sums[m] = first == 0 ? zero() : load_f(partial[tile][m]);
        add_chunk(products.sums[tile], o.value_scales[g] + size_t(first) * kTileTokens, o.weight_scales[n] + size_t(first) * kPanelRows, count, sums);
        if (first + count == blocks) {
          store_outputs(p, (group + g) * kTileTokens, panel + n, sums);
          continue;
        }
#pragma GCC unroll 16
        for (int m = 0; m < kTileTokens; m++) store_f(partial[tile][m], sums[m]);
      }
  }
}

// Weights of a run of panels as signed bytes, [panels][blocks][8 quads][16 outputs][4 inputs].
const uint8_t* signed_run(const LinearProblem& p, int first_panel, int last_panel) {
  static thread_local std::vector<uint8_t> buffer;
  const size_t lines = size_t(last_panel - first_panel) * p.weights.blocks() * (kBlockBytes / kLineBytes);
  buffer.resize(std::max(buffer.size(), (lines + 1) * kLineBytes));
  auto* to = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(buffer.data()) + kLineBytes - 1) & ~uintptr_t(kLineBytes - 1));
  const uint8_t* from = p.weights.panel_values(first_panel);
  if (p.weights.bits == 8) {
    for (size_t i = 0; i < lines; i++) store_i(to + i * kLineBytes, signed_bytes(load_i(from + i * kLineBytes)));
    return to;
  }
  for (size_t i = 0; i < lines; i += 2, from += kLineBytes) {
    const I both = load_i(from);
    store_i(to + i * kLineBytes, signed_nibbles(low_nibbles(both)));
    store_i(to + (i + 1) * kLineBytes, signed_nibbles(high_nibbles(both)));
  }
  return to;
}

// One or two groups of tokens for a run of panels, whose signed weights are at `weights`.
template <int kGroups> void group_products(const LinearProblem& p, int group, int panel, int last, const uint8_t* weights, Operands& o) {
  const size_t panel_bytes = p.weights.blocks() * kBlockBytes;
  for (int g = 0; g < kGroups; g++) o.values[g] = group_values(p, group + g), o.value_scales[g] = group_scales(p, group + g);
  for (; panel < last; panel += 2, weights += 2 * panel_bytes) {
    const int panels = std::min(2, last - panel);
    for (int n = 0; n < panels; n++) o.weights[n] = weights + n * panel_bytes, o.weight_scales[n] = p.weights.panel_scales(panel + n);
    if (panels == 2) product<kGroups, 2>(p, group, panel, o);
    else product<kGroups, 1>(p, group, panel, o);
  }
}

// Panels whose signed weights stay in L2 while the tokens pass by. Meanwhile the weights behind them are fetched, a share with
// every block.
void panel_run(const LinearProblem& p, const Range& r, int first, int last) {
  const int group = r.first_token / kTileTokens, groups = (r.last_token + kTileTokens - 1) / kTileTokens - group;
  const int lines = (last - first) * int(p.weights.tile_bytes() / kLineBytes);
  const int steps = (groups + 1) / 2 * ((last - first + 1) / 2);
  const uint8_t* weights = signed_run(p, first, last);
  Operands o{};
  o.next = p.weights.panel_values(last), o.lines = (lines + steps - 1) / steps;
  for (int g = 0; g < groups; g += 2) {
    if (g + 1 < groups) group_products<2>(p, group + g, first, last, weights, o);
    else group_products<1>(p, group + g, first, last, weights, o);
  }
}

void multiply(const LinearProblem& p, const Range& r) {
  if (!tiled(p)) return kAvx512VnniKernels.multiply(p, r);
  const cpu::TileWork work(kTiles);
  const int together = std::max(2, int(kResidentBytes / (p.weights.blocks() * kBlockBytes)) / 2 * 2);
  for (int first = r.first_panel; first < r.last_panel; first += together) panel_run(p, r, first, std::min(first + together, r.last_panel));
}

}  // namespace

const Kernels kAmxKernels{quantise, multiply};

}  // namespace longhaul::linear
