#include "scoring.h"

#include "../kernels.h"
#include "score_table.h"

namespace longhaul::attention {
namespace {

const ScoreTable& scores_of(const AttentionProblem& p) {
  const KernelTable* kernels = p.kernels != nullptr ? p.kernels : cpu::last_supported(attention_candidates(p.pool.dtype)).table;
  return kernels->scores != nullptr ? *kernels->scores : kScalarScores;
}

}  // namespace

BoundWeights bound_weights(const QueryBlock& block) {
  const float radius = block.plan != nullptr ? block.plan->bound_radius : 1.0f;
  return {(1.0f + radius) / 2.0f, (1.0f - radius) / 2.0f};
}

TokenRange visible_tokens(const QueryBlock& block) {
  const PageList& pages = block.visible;
  if (pages.size() == 0) return {0, 0};
  return {pages.at(pages.begin) * kPageTokens, (pages.at(pages.end - 1) + 1) * kPageTokens};
}

TokenRange visible_units(const QueryBlock& block, int unit_tokens) {
  const TokenRange tokens = visible_tokens(block);
  return {tokens.begin / unit_tokens, (tokens.end + unit_tokens - 1) / unit_tokens};
}

void score_key_bounds(const ScoreJob& job, const PageList& candidates, HeadReduce reduce, float* out) {
  scores_of(job.problem).key_bounds(job, candidates, reduce, out);
}

void score_antidiagonal(const ScoreJob& job, int stride, int unit_tokens, float* out) {
  scores_of(job.problem).antidiagonal(job, stride, unit_tokens, out);
}

void score_vertical_slash(const ScoreJob& job, float* columns, float* diagonals) {
  scores_of(job.problem).vertical_slash(job, columns, diagonals);
}

void score_keys(const ScoreJob& job, TokenRange candidates, HeadReduce reduce, float* out) {
  scores_of(job.problem).keys({job.problem, job.block, candidates, reduce, nullptr, 0}, out);
}

void score_labels(const ScoreJob& job, const int32_t* channels, int count, TokenRange candidates, HeadReduce reduce, float* out) {
  scores_of(job.problem).keys({job.problem, job.block, candidates, reduce, channels, count}, out);
}

}  // namespace longhaul::attention
