#include "gated_activation.h"

namespace longhaul::ops {
namespace {

// A unit is a stretch of one row: long enough to pay for being handed out, short enough to divide a single row.
constexpr int64_t kElementsPerUnit = 8192;

}  // namespace

GatedActivation::GatedActivation(const Attributes& attributes)
    : kind_(static_cast<Activation>(attributes.integer("activation", 0, 2))) {}

void GatedActivation::compute(const KernelContext& context) {
  const auto x = context.input<float>(0, "x");
  x.require_rank(2);
  if (x[1] % 2) throw invalid(x.name, "must have an even number of columns, got " + std::to_string(x[1]));
  const int64_t rows = x[0], width = x[1] / 2;
  float* out = context.output(0, {rows, width});
  if (rows * width == 0) return;

  const int64_t rows_per_unit = std::max<int64_t>(1, kElementsPerUnit / width);
  const int64_t pieces = rows_per_unit > 1 ? 1 : (width + kElementsPerUnit - 1) / kElementsPerUnit;
  const int64_t row_units = (rows + rows_per_unit - 1) / rows_per_unit;
  context.parallel_for(row_units * pieces, [&](size_t unit) {
    const int64_t first = unit / pieces * rows_per_unit, last = std::min(first + rows_per_unit, rows);
    const int64_t begin = unit % pieces * width / pieces, end = (unit % pieces + 1) * width / pieces;
    for (int64_t r = first; r < last; r++) {
      const float* gate = x.data + r * 2 * width;
      gated_activation(kind_, gate + begin, gate + width + begin, out + r * width + begin, end - begin);
    }
  });
}

}  // namespace longhaul::ops
