#include "embedding_packed.h"

#include <algorithm>

#include "../linear/linear.h"

namespace longhaul::ops {
namespace {

constexpr int64_t kRowsPerUnit = 16;

}  // namespace

void EmbeddingPacked::compute(const KernelContext& context) {
  const auto ids = context.input<int32_t>(0, "input_ids");
  const auto values = context.input<uint8_t>(1, "values");
  const auto scales = context.input<uint16_t>(2, "scales");
  ids.require_rank(1);
  const linear::PackedWeights weights = shape_.weights(values, scales);
  for (int64_t t = 0; t < ids[0]; t++)
    if (ids.data[t] < 0 || ids.data[t] >= shape_.rows)
      throw invalid(ids.name, "token " + std::to_string(ids.data[t]) + " is outside [0, " + std::to_string(shape_.rows) + ")");
  float* out = context.output(0, {ids[0], shape_.cols});
  const int64_t units = (ids[0] + kRowsPerUnit - 1) / kRowsPerUnit;
  if (units == 0) return;
  context.parallel_for(units, [&](size_t unit) {
    const int64_t first = unit * kRowsPerUnit, last = std::min<int64_t>(first + kRowsPerUnit, ids[0]);
    for (int64_t t = first; t < last; t++) linear::dequantise_row(weights, ids.data[t], out + t * shape_.cols);
  });
}

}  // namespace longhaul::ops
