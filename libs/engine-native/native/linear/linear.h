// y = x W^T + b with quantised W (packed_weights.h) and activations quantised on the way to int8, one scale per token and
// block of 32 inputs. Products are exact integers within a block; blocks are added in f32.
//
// Free of ONNX Runtime and Node-API. Work is cut into units that a thread pool hands out; units never write the same output.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../cpu/candidates.h"
#include "packed_weights.h"

namespace longhaul::linear {

struct Kernels;
using LinearCandidate = cpu::Candidate<Kernels>;

// All kernels of this build for weights of 8 or 4 bits, see cpu::Candidate.
std::span<const LinearCandidate> linear_candidates(int bits);

// Up to so many tokens make a call of few tokens: weights are then read once, from memory.
constexpr int kFewTokens = 4;
// Tokens whose inputs the AVX2 kernels keep side by side in calls of more.
constexpr int kGroupTokens = 6;
// Tokens of a tile of the AMX kernels, and how many a call must have at least for tiles to pay.
constexpr int kTileTokens = 16, kLeastTileTokens = 32;

// Activations of one call: int8 values [tokens][cols], scales [tokens][blocks], and per (token, block) the number that cancels
// the weights' bias: -(bias) * sum of the block's values. The AVX2 kernels have int16 values, and the AMX kernels have values
// and scales, in orders of their own and no offsets. Values begin at a cache line.
struct QuantisedRows {
  int8_t* values;
  float* scales;
  int32_t* offsets;
};

// One call of one layer. `x` is [tokens, cols], `out` is [tokens, rows], `bias` is [rows] or null.
struct LinearProblem {
  const float* x;
  float* out;
  const float* bias;
  int tokens;
  PackedWeights weights;
  QuantisedRows rows;
  // The table of a candidate for these weights that runs here: one in all calls of a model, or a token gets other bits in
  // decode than in prefill. Null: the last one that runs here.
  const Kernels* kernels = nullptr;
};

// Grows to the largest call it has seen; one per engine thread.
class LinearScratch {
 public:
  QuantisedRows reserve(int tokens, int cols);

 private:
  std::vector<int8_t> values_;
  std::vector<float> scales_;
  std::vector<int32_t> offsets_;
};

// Phase one: tokens are quantised, `quantise_units` units of kQuantiseTokens tokens.
int quantise_units(const LinearProblem& problem);
void run_quantise_unit(const LinearProblem& problem, int unit);

// Phase two, after all of phase one: a unit is a run of panels for a run of tokens.
struct MultiplyPlan {
  int panels_per_unit;
  int tokens_per_unit;
  int panel_units;
  int token_units;
  int units() const { return panel_units * token_units; }
};
MultiplyPlan plan_multiply(const LinearProblem& problem, int threads);
void run_multiply_unit(const LinearProblem& problem, const MultiplyPlan& plan, int unit);

// A range of outputs: panels [first_panel, last_panel), tokens [first_token, last_token).
struct Range {
  int first_panel, last_panel, first_token, last_token;
};

// The kernels behind the phases, one set per level; linear.cc lists them with what each needs.
struct Kernels {
  void (*quantise)(const LinearProblem&, int first_token, int last_token);
  void (*multiply)(const LinearProblem&, const Range&);
};
extern const Kernels kScalarKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512VnniKernels;
extern const Kernels kAmxKernels;

// One row of the weights as f32, [cols]; for embeddings that share the output layer's weights.
void dequantise_row(const PackedWeights& weights, int row, float* out);

float half_to_float(uint16_t half);

}  // namespace longhaul::linear
