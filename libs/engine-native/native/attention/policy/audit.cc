#include "audit.h"

#include <algorithm>
#include <cmath>

namespace longhaul::attention {
namespace {

/** SplitMix64: every bit of the result depends on every bit of x. */
uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

bool is_sampled(const AuditSampling& sampling, int layer, int kv_head, int position) {
  const uint64_t place = (static_cast<uint64_t>(layer) << 48) | (static_cast<uint64_t>(kv_head) << 32) | static_cast<uint32_t>(position);
  // 53 bits: as many as the share has.
  return static_cast<double>(mixed(mixed(sampling.key) ^ place) >> 11) * 0x1p-53 < sampling.share;
}

/** Relative L2 error of one head; 1 where it is no number, which a fault of the dense result makes it. */
double error_of(const float* sparse, const float* dense, int head_dim) {
  double difference = 0.0, norm = 0.0;
  for (int d = 0; d < head_dim; ++d) {
    difference += (static_cast<double>(sparse[d]) - dense[d]) * (static_cast<double>(sparse[d]) - dense[d]);
    norm += static_cast<double>(dense[d]) * dense[d];
  }
  if (difference == 0.0) return 0.0;
  const double error = std::sqrt(difference / norm);
  return std::isfinite(error) ? error : 1.0;
}

}  // namespace

void sample_rows(const AttentionProblem& p, const std::vector<QueryBlock>& blocks, std::vector<AuditedRow>& rows) {
  rows.clear();
  for (size_t i = 0; i < blocks.size(); ++i) {
    const QueryBlock& block = blocks[i];
    if (block.owner < 0) continue;
    const SequenceState& state = *p.policies[static_cast<size_t>(block.owner)].state;
    const bool leaves_out = block.plan != nullptr || state.policy().skip_softmax() > 0.0f;
    if (!leaves_out || !(state.audit().share > 0.0)) continue;
    for (int token = 0; token < block.tokens; ++token) {
      if (is_sampled(state.audit(), p.layer, block.kv_head, block.first_position + token)) rows.push_back({static_cast<int>(i), token, {}});
    }
  }
}

AuditTotals compare(const AttentionProblem& p, const RowResult& sparse, const RowResult& dense) {
  const int group = p.heads / p.kv_heads;
  double recall = 0.0, error = 0.0;
  for (int head = 0; head < group; ++head) {
    const float lost = sparse.lse[head] - dense.lse[head];
    // Not a number: a fault, of which nothing is known to be kept.
    recall += lost == lost ? std::min(1.0, std::exp(static_cast<double>(lost))) : 0.0;
    error += error_of(sparse.values + static_cast<size_t>(head) * sparse.stride, dense.values + static_cast<size_t>(head) * dense.stride, p.head_dim);
  }
  return {1, recall / group, recall / group, error / group};
}

}  // namespace longhaul::attention
