#include "summary.h"

#include <algorithm>
#include <cmath>

#include "../kernels.h"
#include "../stored_key.h"

namespace longhaul::attention {
namespace {

/** Adds the keys and values of the positions [begin, end), in order, so that sums do not depend on when they were added. */
void add_rows(const AttentionProblem& p, const QueryBlock& block, int begin, int end, KeptSums& sums) {
  const int32_t* pages = p.page_row(block.sequence, block.kv_head);
  float row[kMaxHeadDim];
  for (int at = begin; at < end; ++at) {
    const int32_t page = pages[at / kPageTokens];
    if (page == kNoPage) continue;
    const std::byte* slice = p.pool.slice(p.layer, page, block.kv_head);
    stored_key(p.pool.dtype, slice, p.head_dim, at % kPageTokens, row);
    for (int d = 0; d < p.head_dim; ++d) sums.keys[static_cast<size_t>(d)] += row[d];
    stored_value(p.pool.dtype, slice, p.head_dim, at % kPageTokens, row);
    for (int d = 0; d < p.head_dim; ++d) sums.values[static_cast<size_t>(d)] += row[d];
    ++sums.count;
  }
}

void restart(KeptSums& sums, int head_dim, int begin) {
  sums.begin = sums.end = begin;
  sums.count = 0;
  sums.keys.assign(static_cast<size_t>(head_dim), 0.0);
  sums.values.assign(static_cast<size_t>(head_dim), 0.0);
}

}  // namespace

void summarise(const AttentionProblem& p, const QueryBlock& block, Selection& selection) {
  const HeadPlan& plan = *block.plan;
  const int position = block.first_position;
  const int oldest = p.window > 0 ? std::max(0, position - p.window + 1) : 0;
  const int begin = std::max(plan.sink_tokens, oldest);
  const int end = position - plan.window_tokens + 1;
  if (end <= begin) return;
  KeptSums& sums = p.policies[static_cast<size_t>(block.owner)].state->sums(p.layer, block.kv_head);
  if (sums.begin != begin || sums.end > end || sums.keys.size() != static_cast<size_t>(p.head_dim)) restart(sums, p.head_dim, begin);
  add_rows(p, block, sums.end, end, sums);
  sums.end = end;
  if (sums.count == 0) return;
  const int group = p.heads / p.kv_heads;
  float query[kMaxHeadDim];
  for (int head = 0; head < group; ++head) {
    prepared_query(p, block.first_token, block.kv_head * group + head, query);
    double logit = 0.0;
    for (int d = 0; d < p.head_dim; ++d) logit += query[d] * sums.keys[static_cast<size_t>(d)] / sums.count;
    if (p.softcap > 0.0f) logit = static_cast<double>(p.softcap * kLog2e) * std::tanh(logit);
    selection.summary_logits.push_back(static_cast<float>(logit * static_cast<double>(kLn2) + std::log(static_cast<double>(sums.count))));
  }
  for (const double value : sums.values) selection.summary_value.push_back(static_cast<float>(value / sums.count));
}

float add_summary(float logit, const float* value, int head_dim, float lse, float* out) {
  const float top = std::max(logit, lse);
  const float of_summary = std::exp(logit - top), of_row = std::exp(lse - top);
  const float total = of_summary + of_row;
  for (int d = 0; d < head_dim; ++d) out[d] = (out[d] * of_row + value[d] * of_summary) / total;
  return top + std::log(total);
}

}  // namespace longhaul::attention
