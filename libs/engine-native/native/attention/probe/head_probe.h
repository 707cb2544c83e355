// What a probe adds up of one KV head in one call. Internal to this folder.
#pragma once

#include "../query_blocks.h"
#include "probe.h"

namespace longhaul::attention {

/** One call of attend() as a probe sees it. Different KV heads write to different places of the sums. */
struct ProbeCall {
  const AttentionProblem& problem;
  const KernelTable& kernels;
  const ProbeFacts& facts;
  ProbeSums& sums;

  int group() const { return problem.heads / problem.kv_heads; }

  /** Where the `size` numbers of a head of the call's layer begin, of `heads` heads in a layer. */
  double* of_head(std::vector<double>& list, int heads, int head, size_t size) const {
    const size_t at = static_cast<size_t>(problem.layer) * static_cast<size_t>(heads) + static_cast<size_t>(head);
    return list.data() + at * size;
  }
};

/** Queries of a sequence for one KV head, all of them dense: positions [first, first + count). */
QueryBlock dense_block(const AttentionProblem& problem, int sequence, int kv_head, int first, int count);

/** The share of each query's attention on the keys at the distances asked for. */
void probe_distances(const ProbeCall& call, const QueryBlock& block);

/** Products of queries and keys of the same token. */
void probe_products(const ProbeCall& call, const QueryBlock& block);

/** Sums of normed queries and keys, before rotation. */
void probe_means(const ProbeCall& call, const QueryBlock& block);

/** Whether choosing has anything to choose for a block: 128 queries, cut at positions, with candidates. */
bool has_candidates(const QueryBlock& block);

/** What selection by antidiagonals (XAttention, arXiv:2503.16428, section 2) keeps of a block's attention, by mass. */
void probe_blocks(const ProbeCall& call, const QueryBlock& block);

}  // namespace longhaul::attention
