#include "head_probe.h"

#include <algorithm>
#include <cmath>

#include "../plan.h"
#include "../stored_key.h"

namespace longhaul::attention {
namespace {

/** Queries of a tile: enough that keys are read seldom, few enough for every group size. */
constexpr int kTokensOfTile = 32;

const std::byte* slice_of(const AttentionProblem& p, const QueryBlock& block, int position) {
  const int32_t* row = p.page_row(block.sequence, block.kv_head);
  return p.pool.slice(p.layer, row[position / kPageTokens], block.kv_head);
}

void key_at(const AttentionProblem& p, const QueryBlock& block, int position, float* key) {
  stored_key(p.pool.dtype, slice_of(p, block, position), p.head_dim, position % kPageTokens, key);
}

/** Dense attention of a block: `out` [tokens][group][head_dim] is of no use to anybody, `lse` [tokens][group] is. */
void run_dense(const ProbeCall& call, const QueryBlock& block, std::vector<float>& out, std::vector<float>& lse) {
  const AttentionProblem& p = call.problem;
  const size_t rows = static_cast<size_t>(block.tokens) * static_cast<size_t>(call.group());
  const size_t dim = static_cast<size_t>(p.head_dim);
  out.resize(rows * dim);
  lse.resize(rows);
  TileJob job{};
  job.pool = p.pool;
  job.layer = p.layer;
  job.kv_head = block.kv_head;
  job.group = call.group();
  job.tokens = block.tokens;
  job.first_position = block.first_position;
  job.window = p.window;
  job.softcap_log2 = p.softcap > 0.0f ? p.softcap * kLog2e : 0.0f;
  job.q_stride = static_cast<size_t>(p.heads) * dim;
  job.q = p.out + static_cast<size_t>(block.first_token) * job.q_stride + static_cast<size_t>(block.kv_head * call.group()) * dim;
  job.out = out.data();
  job.out_stride = static_cast<size_t>(call.group()) * dim;
  job.lse = lse.data();
  job.block_row = p.page_row(block.sequence, block.kv_head);
  job.pages = block.visible;
  job.block_pages = block_pages(p.head_dim);
  job.split_pages = kSplitPages;
  call.kernels.run_tile(job);
}

/** A logit in units of log2. */
double logit_of(const AttentionProblem& p, const float* query, const float* key) {
  double sum = 0.0;
  for (int d = 0; d < p.head_dim; ++d) sum += static_cast<double>(query[d]) * key[d];
  return p.softcap > 0.0f ? static_cast<double>(p.softcap) * kLog2e * std::tanh(sum) : sum;
}

/** One query of all heads of the group; `lse` [group]. */
void add_distances(const ProbeCall& call, const QueryBlock& block, int token, const float* lse) {
  const AttentionProblem& p = call.problem;
  const size_t count = call.facts.distances.size();
  const int position = block.first_position + token;
  alignas(64) float query[kMaxHeadDim], key[kMaxHeadDim];
  for (size_t i = 0; i < count; ++i) {
    const int distance = call.facts.distances[i];
    if (distance > position || (p.window > 0 && distance >= p.window)) continue;
    key_at(p, block, position - distance, key);
    for (int g = 0; g < call.group(); ++g) {
      const int head = block.kv_head * call.group() + g;
      prepared_query(p, block.first_token + token, head, query);
      const double share = std::exp2(logit_of(p, query, key) - static_cast<double>(lse[g]) * kLog2e);
      call.of_head(call.sums.distance_mass, p.heads, head, count)[i] += share;
    }
  }
}

/** The RMS norm of a head as appending has it, where there are weights. */
void normed(const AttentionProblem& p, const float* weights, const float* in, float* out) {
  double sum = 0.0;
  for (int d = 0; d < p.head_dim; ++d) sum += static_cast<double>(in[d]) * in[d];
  const double factor = weights == nullptr ? 1.0 : 1.0 / std::sqrt(sum / p.head_dim + static_cast<double>(p.norm_eps));
  for (int d = 0; d < p.head_dim; ++d) out[d] = static_cast<float>(in[d] * factor * (weights == nullptr ? 1.0 : weights[d]));
}

}  // namespace

QueryBlock dense_block(const AttentionProblem& p, int sequence, int kv_head, int first, int count) {
  const Span span = span_of(p, sequence);
  QueryBlock block{};
  block.sequence = sequence;
  block.kv_head = kv_head;
  block.first_token = span.first_token + first - span.first_position;
  block.first_position = first;
  block.tokens = count;
  block.visible = visible_pages(p, {nullptr, 0, 0}, first, first + count - 1);
  block.owner = -1;
  return block;
}

void probe_distances(const ProbeCall& call, const QueryBlock& block) {
  thread_local std::vector<float> out, lse;
  const int behind = block.first_position + block.tokens;
  for (int first = std::max(block.first_position, call.facts.from_position); first < behind; first += kTokensOfTile) {
    const QueryBlock tile = dense_block(call.problem, block.sequence, block.kv_head, first, std::min(kTokensOfTile, behind - first));
    run_dense(call, tile, out, lse);
    for (int token = 0; token < tile.tokens; ++token) add_distances(call, tile, token, lse.data() + token * call.group());
  }
}

void probe_products(const ProbeCall& call, const QueryBlock& block) {
  const AttentionProblem& p = call.problem;
  double* sums = call.of_head(call.sums.products, p.kv_heads, block.kv_head, static_cast<size_t>(p.head_dim));
  alignas(64) float query[kMaxHeadDim], key[kMaxHeadDim];
  for (int token = 0; token < block.tokens; ++token) {
    key_at(p, block, block.first_position + token, key);
    for (int g = 0; g < call.group(); ++g) {
      prepared_query(p, block.first_token + token, block.kv_head * call.group() + g, query);
      for (int d = 0; d < p.head_dim; ++d) sums[d] += std::fabs(static_cast<double>(query[d]) * key[d]);
    }
  }
}

void probe_means(const ProbeCall& call, const QueryBlock& block) {
  const AttentionProblem& p = call.problem;
  const size_t dim = static_cast<size_t>(p.head_dim);
  const size_t row_floats = static_cast<size_t>(p.heads + 2 * p.kv_heads) * dim;
  alignas(64) float head[kMaxHeadDim];
  const auto add = [&](const float* weights, const float* in, double* sums) {
    normed(p, weights, in, head);
    for (size_t d = 0; d < dim; ++d) sums[d] += head[d];
  };
  for (int token = 0; token < block.tokens; ++token) {
    const float* row = p.qkv + static_cast<size_t>(block.first_token + token) * row_floats;
    for (int g = 0; g < call.group(); ++g) {
      const int query = block.kv_head * call.group() + g;
      add(p.q_norm, row + static_cast<size_t>(query) * dim, call.of_head(call.sums.query_sums, p.heads, query, dim));
    }
    add(p.k_norm, row + static_cast<size_t>(p.heads + block.kv_head) * dim, call.of_head(call.sums.key_sums, p.kv_heads, block.kv_head, dim));
  }
}

}  // namespace longhaul::attention
