// The reference: plain loops, softmax in double precision, one query row at a time.
#include <algorithm>
#include <cmath>
#include <limits>

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

/** The keys of a page that a query at `position` sees are the slots [begin, end). */
struct VisiblePage {
  SliceReader reader;
  int begin;
  int end;
};

VisiblePage visible_page(const TileJob& job, int entry, int position) {
  const int logical = job.pages.at(entry);
  const int first = logical * kPageTokens;
  const int oldest = job.window > 0 ? position - job.window + 1 : 0;
  return {{job.pool.slice(job.layer, job.block_row[logical], job.kv_head), job.pool.dtype, job.pool.head_dim},
          std::max(oldest - first, 0),
          std::min(position + 1 - first, kPageTokens)};
}

/** Softmax over the keys so far, rescaled whenever a larger logit comes. Logits are in units of log2. */
struct RunningSoftmax {
  double maximum = -std::numeric_limits<double>::infinity();
  double denominator = 0.0;
  double sum[kMaxHeadDim] = {};

  void add(double logit, const SliceReader& reader, int slot) {
    if (logit > maximum) {
      const double decay = std::exp2(maximum - logit);
      denominator *= decay;
      for (int d = 0; d < reader.head_dim; ++d) sum[d] *= decay;
      maximum = logit;
    }
    const double weight = std::exp2(logit - maximum);
    denominator += weight;
    for (int d = 0; d < reader.head_dim; ++d) sum[d] += weight * reader.value(slot, d);
  }
};

float attend_row(const TileJob& job, const float* q, int position, float* out) {
  RunningSoftmax softmax;
  for (int entry = job.pages.begin; entry < job.pages.end; ++entry) {
    const VisiblePage page = visible_page(job, entry, position);
    for (int slot = page.begin; slot < page.end; ++slot) {
      double logit = 0.0;
      for (int d = 0; d < job.pool.head_dim; ++d) logit += static_cast<double>(q[d]) * page.reader.key(slot, d);
      if (job.softcap_log2 > 0.0f) logit = job.softcap_log2 * std::tanh(logit);
      softmax.add(logit, page.reader, slot);
    }
  }
  const bool empty = softmax.denominator == 0.0;
  for (int d = 0; d < job.pool.head_dim; ++d) {
    out[d] = empty ? 0.0f : static_cast<float>(softmax.sum[d] / softmax.denominator);
  }
  if (empty) return -std::numeric_limits<float>::infinity();
  return static_cast<float>((softmax.maximum + std::log2(softmax.denominator)) * static_cast<double>(kLn2));
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
