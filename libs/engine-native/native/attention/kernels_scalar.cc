// The reference: plain loops, softmax in double precision, one query row at a time.
#include <cmath>
#include <limits>
#include <vector>

#include "append_kernel.h"

namespace longhaul::attention {
namespace {

struct SliceReader {
  const std::byte* slice;
  KvDtype dtype;
  int head_dim;

  double key(int slot, int d) const {
    if (dtype == KvDtype::kF32) return reinterpret_cast<const float*>(slice)[d * kPageTokens + slot];
    const auto* tile = reinterpret_cast<const uint16_t*>(slice);
    return from_bf16(tile[(d / 2 * kPageTokens + slot) * 2 + d % 2]);
  }

  double value(int slot, int d) const {
    const std::byte* tile = slice + key_tile_bytes(dtype, head_dim);
    if (dtype == KvDtype::kF32) return reinterpret_cast<const float*>(tile)[slot * head_dim + d];
    return from_bf16(reinterpret_cast<const uint16_t*>(tile)[(slot / 2 * head_dim + d) * 2 + slot % 2]);
  }
};

/** A key that one query sees, with its logit in units of log2. */
struct VisibleKey {
  SliceReader reader;
  int slot;
  double logit;
};

std::vector<VisibleKey> visible_keys(const TileJob& job, const float* q, int position) {
  std::vector<VisibleKey> keys;
  for (int entry = job.pages.begin; entry < job.pages.end; ++entry) {
    const int logical = job.pages.at(entry);
    const SliceReader reader{job.pool.slice(job.layer, job.block_row[logical], job.kv_head), job.pool.dtype,
                             job.pool.head_dim};
    for (int slot = 0; slot < kPageTokens; ++slot) {
      const int key_position = logical * kPageTokens + slot;
      if (key_position > position || (job.window > 0 && key_position <= position - job.window)) continue;
      double logit = 0.0;
      for (int d = 0; d < job.pool.head_dim; ++d) logit += static_cast<double>(q[d]) * reader.key(slot, d);
      if (job.softcap_log2 > 0.0f) logit = job.softcap_log2 * std::tanh(logit);
      keys.push_back({reader, slot, logit});
    }
  }
  return keys;
}

float attend_row(const TileJob& job, const float* q, int position, float* out) {
  const std::vector<VisibleKey> keys = visible_keys(job, q, position);
  double maximum = -std::numeric_limits<double>::infinity();
  for (const VisibleKey& key : keys) maximum = std::max(maximum, key.logit);
  std::vector<double> sum(static_cast<size_t>(job.pool.head_dim), 0.0);
  double denominator = 0.0;
  for (const VisibleKey& key : keys) {
    const double weight = std::exp2(key.logit - maximum);
    denominator += weight;
    for (int d = 0; d < job.pool.head_dim; ++d) sum[static_cast<size_t>(d)] += weight * key.reader.value(key.slot, d);
  }
  for (int d = 0; d < job.pool.head_dim; ++d) {
    out[d] = keys.empty() ? 0.0f : static_cast<float>(sum[static_cast<size_t>(d)] / denominator);
  }
  if (keys.empty()) return -std::numeric_limits<float>::infinity();
  return static_cast<float>((maximum + std::log2(denominator)) * static_cast<double>(kLn2));
}

void run_tile(const TileJob& job) {
  for (int row = 0; row < job.tokens * job.group; ++row) {
    const size_t token = static_cast<size_t>(row / job.group);
    const size_t head = static_cast<size_t>(row % job.group) * job.pool.head_dim;
    job.lse[row] = attend_row(job, job.q + token * job.q_stride + head, job.first_position + row / job.group,
                              job.out + token * job.out_stride + head);
  }
}

constexpr KernelTable kTable{append_run, run_tile};

}  // namespace

const KernelTable* scalar_kernels(KvDtype) { return &kTable; }

}  // namespace longhaul::attention
