#include "rope_table.h"

#include <cmath>

#include "ragged_batch.h"

namespace longhaul::ops {
namespace {

constexpr int kTokensPerUnit = 16;

void fill_row(const float* inv_freq, double scale, int position, int pairs, float* row) {
  for (int p = 0; p < pairs; p++) {
    const double angle = static_cast<double>(position) * inv_freq[p];
    row[p] = static_cast<float>(std::cos(angle) * scale);
    row[pairs + p] = static_cast<float>(std::sin(angle) * scale);
  }
}

}  // namespace

void RopeTable::compute(const KernelContext& context) {
  const auto inv_freq = context.input<float>(0, "rope_inv_freq");
  const auto scale = context.input<float>(1, "rope_scale");
  const RaggedBatch batch =
      read_batch(context.input<int32_t>(2, "cu_seqlens"), context.input<int32_t>(3, "past_lens"));
  inv_freq.require_rank(3);
  inv_freq.require_dim(1, batch.batch);
  scale.require_shape({inv_freq[0], batch.batch});
  const int64_t classes = inv_freq[0];
  const int pairs = static_cast<int>(inv_freq[2]);
  float* out = context.output(0, {classes, batch.tokens, 2 * int64_t{pairs}});
  if (inv_freq.count() == 0 || batch.tokens == 0) return;

  const std::vector<int32_t> sequences = sequence_of_tokens(batch);
  const size_t units = (batch.tokens + kTokensPerUnit - 1) / kTokensPerUnit;
  context.parallel_for(units, [&](size_t unit) {
    const int first = static_cast<int>(unit) * kTokensPerUnit;
    const int last = std::min(first + kTokensPerUnit, batch.tokens);
    for (int64_t c = 0; c < classes; c++) {
      for (int t = first; t < last; t++) {
        const int b = sequences[t];
        const size_t row = c * batch.batch + b;
        fill_row(inv_freq.data + row * pairs, scale.data[row], batch.past[b] + t - batch.cu[b], pairs,
                 out + (c * batch.tokens + t) * 2 * size_t(pairs));
      }
    }
  });
}

}  // namespace longhaul::ops
