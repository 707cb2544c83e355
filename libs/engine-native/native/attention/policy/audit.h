// The live audit: for a sample of queries dense attention is computed as well, and what the policy lost is measured. What is
// sampled depends on the sequence's key, layer, KV head and position alone. Internal to this folder.
#pragma once

#include <vector>

#include "../attention.h"

namespace longhaul::attention {

/** A query of one KV head that is audited. */
struct AuditedRow {
  /** Index of its query block, and of the query in it. */
  int block;
  int token;
  /** Written by whoever runs its unit. */
  AuditTotals totals;
};

/** The queries of the blocks that are audited, ascending by block and query. */
void sample_rows(const AttentionProblem& problem, const std::vector<QueryBlock>& blocks, std::vector<AuditedRow>& rows);

/** [group][head_dim] of attention and [group] of logarithms of summed exponentials (natural), of one query. */
struct RowResult {
  const float* values;
  size_t stride;
  const float* lse;
};

/** What one query lost: the mean over its heads of the attention mass that was kept, and of the relative error of the output. */
AuditTotals compare(const AttentionProblem& problem, const RowResult& sparse, const RowResult& dense);

}  // namespace longhaul::attention
