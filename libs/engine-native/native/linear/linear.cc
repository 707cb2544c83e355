#include "linear.h"

#include <algorithm>
#include <bit>

namespace longhaul::linear {
namespace {

constexpr int kQuantiseTokens = 8;
// Tokens of one unit: their int8 rows stay in L2 while the unit's panels pass by.
constexpr int kTokensPerUnit = 192;
static_assert(kTokensPerUnit % kGroupTokens == 0 && kTokensPerUnit % (2 * kTileTokens) == 0, "a unit begins with a group");
constexpr size_t kLineBytes = 64;

constexpr size_t rounded_up(size_t n, size_t step) { return (n + step - 1) / step * step; }

#if defined(__x86_64__)
constexpr LinearCandidate kCandidates[] = {
    {"scalar", {}, &kScalarKernels},
    {"avx2", cpu::kNeedsAvx2, &kAvx2Kernels},
    {"avx512vnni", cpu::kNeedsAvx512 | cpu::Features{cpu::Feature::kAvx512Vnni}, &kAvx512VnniKernels},
    {"amx", cpu::kNeedsAmx, &kAmxKernels},
};
#else
constexpr LinearCandidate kCandidates[] = {{"scalar", {}, &kScalarKernels}};
#endif

const Kernels& kernels_of(const LinearProblem& p) {
  return p.kernels != nullptr ? *p.kernels : *cpu::last_supported(linear_candidates(p.weights.bits)).table;
}

}  // namespace

std::span<const LinearCandidate> linear_candidates(int) { return kCandidates; }

QuantisedRows LinearScratch::reserve(int tokens, int cols) {
  // AVX2 widens to 16 bits; it and AMX fill up their last group.
  const size_t tiled = rounded_up(size_t(tokens), kTileTokens), blocks = tiled * (cols / kBlockCols);
  const size_t bytes = std::max(rounded_up(size_t(tokens), kGroupTokens) * 2, tiled) * cols;
  if (values_.size() < bytes + kLineBytes) values_.resize(bytes + kLineBytes);
  if (scales_.size() < blocks) scales_.resize(blocks);
  if (offsets_.size() < blocks) offsets_.resize(blocks);
  const auto first = rounded_up(reinterpret_cast<uintptr_t>(values_.data()), kLineBytes);
  return {reinterpret_cast<int8_t*>(first), scales_.data(), offsets_.data()};
}

int quantise_units(const LinearProblem& p) { return (p.tokens + kQuantiseTokens - 1) / kQuantiseTokens; }

void run_quantise_unit(const LinearProblem& p, int unit) {
  const int first = unit * kQuantiseTokens;
  kernels_of(p).quantise(p, first, std::min(first + kQuantiseTokens, p.tokens));
}

MultiplyPlan plan_multiply(const LinearProblem& p, int threads) {
  MultiplyPlan plan;
  plan.tokens_per_unit = std::min(p.tokens, kTokensPerUnit);
  plan.token_units = (p.tokens + plan.tokens_per_unit - 1) / plan.tokens_per_unit;
  // Enough units that the last one to finish does not keep the others waiting, few enough that handing out is cheap.
  const int wanted = threads <= 1 ? 1 : std::max(1, 8 * threads / plan.token_units);
  const int panels = p.weights.panels();
  plan.panels_per_unit = std::max(4, (panels + wanted - 1) / wanted);
  plan.panels_per_unit = (plan.panels_per_unit + 3) / 4 * 4;
  plan.panel_units = (panels + plan.panels_per_unit - 1) / plan.panels_per_unit;
  return plan;
}

void run_multiply_unit(const LinearProblem& p, const MultiplyPlan& plan, int unit) {
  const int panel_unit = unit / plan.token_units, token_unit = unit % plan.token_units;
  Range range;
  range.first_panel = panel_unit * plan.panels_per_unit;
  range.last_panel = std::min(range.first_panel + plan.panels_per_unit, p.weights.panels());
  range.first_token = token_unit * plan.tokens_per_unit;
  range.last_token = std::min(range.first_token + plan.tokens_per_unit, p.tokens);
  kernels_of(p).multiply(p, range);
}

float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu, mantissa = half & 0x3ffu;
  if (exponent == 0) {
    const float magnitude = float(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 31 ? 0x7f800000u : (exponent + 112) << 23;
  return std::bit_cast<float>(sign | wide | (mantissa << 13));
}

void dequantise_row(const PackedWeights& w, int row, float* out) {
  const int lane = row % kPanelRows;
  const uint8_t* tile = w.panel_values(row / kPanelRows);
  const uint16_t* scales = w.panel_scales(row / kPanelRows);
  for (int block = 0; block < w.blocks(); block++, tile += w.tile_bytes(), scales += kPanelRows, out += kBlockCols) {
    const float scale = half_to_float(scales[lane]);
    for (int col = 0; col < kBlockCols; col++) {
      const int quad = col / 4, in = col % 4;
      if (w.bits == 8) {
        out[col] = scale * (int(tile[(quad * kPanelRows + lane) * 4 + in]) - 128);
      } else {
        const uint8_t pair = tile[(quad / 2 * kPanelRows + lane) * 4 + in];
        out[col] = scale * (int(quad % 2 ? pair >> 4 : pair & 15) - 8);
      }
    }
  }
}

}  // namespace longhaul::linear
