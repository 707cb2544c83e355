// The reference: plain loops, the same arithmetic as the vector kernels.
#include <algorithm>
#include <cmath>

#include "linear.h"

namespace longhaul::linear {
namespace {

void quantise(const LinearProblem& p, int first, int last) {
  const int cols = p.weights.cols, blocks = p.weights.blocks();
  const int bias = p.weights.bits == 8 ? 128 : 8;
  for (int t = first; t < last; t++) {
    for (int b = 0; b < blocks; b++) {
      const float* x = p.x + size_t(t) * cols + b * kBlockCols;
      float largest = 0;
      for (int i = 0; i < kBlockCols; i++) largest = std::max(largest, std::fabs(x[i]));
      const float scale = largest / 127.0f, inverse = largest > 0 ? 127.0f / largest : 0.0f;
      int8_t* q = p.rows.values + size_t(t) * cols + b * kBlockCols;
      int sum = 0;
      for (int i = 0; i < kBlockCols; i++) {
        q[i] = int8_t(std::clamp(int(std::nearbyint(x[i] * inverse)), -127, 127));
        sum += q[i];
      }
      p.rows.scales[size_t(t) * blocks + b] = scale;
      p.rows.offsets[size_t(t) * blocks + b] = -bias * sum;
    }
  }
}

int tile_value(const PackedWeights& w, const uint8_t* tile, int lane, int col) {
  const int quad = col / 4, in = col % 4;
  if (w.bits == 8) return tile[(quad * kPanelRows + lane) * 4 + in];
  const uint8_t pair = tile[(quad / 2 * kPanelRows + lane) * 4 + in];
  return quad % 2 ? pair >> 4 : pair & 15;
}

float dot(const LinearProblem& p, int token, int panel, int lane) {
  const PackedWeights& w = p.weights;
  const uint8_t* tile = w.panel_values(panel);
  const uint16_t* scales = w.panel_scales(panel);
  const int8_t* q = p.rows.values + size_t(token) * w.cols;
  float total = 0;
  for (int b = 0; b < w.blocks(); b++, tile += w.tile_bytes()) {
    int32_t sum = p.rows.offsets[size_t(token) * w.blocks() + b];
    for (int col = 0; col < kBlockCols; col++) sum += tile_value(w, tile, lane, col) * q[b * kBlockCols + col];
    total += float(sum) * (half_to_float(scales[b * kPanelRows + lane]) * p.rows.scales[size_t(token) * w.blocks() + b]);
  }
  return total;
}

void multiply(const LinearProblem& p, const Range& range) {
  for (int panel = range.first_panel; panel < range.last_panel; panel++)
    for (int t = range.first_token; t < range.last_token; t++)
      for (int lane = 0; lane < kPanelRows; lane++) {
        const int row = panel * kPanelRows + lane;
        if (row >= p.weights.rows) break;
        p.out[size_t(t) * p.weights.rows + row] = dot(p, t, panel, lane) + (p.bias ? p.bias[row] : 0.0f);
      }
}

}  // namespace

const Kernels kScalarKernels{quantise, multiply};

}  // namespace longhaul::linear
