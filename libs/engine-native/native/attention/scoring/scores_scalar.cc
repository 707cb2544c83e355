// The reference: the definitions of scoring.h in plain loops and double precision, from keys as the pool gives them back.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../kernels.h"
#include "../stored_key.h"
#include "score_table.h"

namespace longhaul::attention {
namespace {

constexpr double kNone = -std::numeric_limits<double>::infinity();

using Vector = std::vector<double>;

int group_of(const AttentionProblem& p) { return p.heads / p.kv_heads; }
int last_position(const QueryBlock& b) { return b.first_position + b.tokens - 1; }

bool sees(const AttentionProblem& p, int query, int key) {
  return key <= query && (p.window == 0 || key > query - p.window);
}

Vector query_of(const ScoreJob& job, int token, int head) {
  alignas(64) float query[kMaxHeadDim];
  const int first_head = job.block.kv_head * group_of(job.problem);
  prepared_query(job.problem, job.block.first_token + token, first_head + head, query);
  return Vector(query, query + job.problem.head_dim);
}

const std::byte* slice_of(const ScoreJob& job, int logical) {
  const AttentionProblem& p = job.problem;
  const int page = p.page_row(job.block.sequence, job.block.kv_head)[logical];
  return page == kNoPage ? nullptr : p.pool.slice(p.layer, page, job.block.kv_head);
}

double dot(const double* a, const double* b, int count) {
  double sum = 0.0;
  for (int i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

double logit_of(const AttentionProblem& p, double product) {
  const double most = kGreatestLogit;
  const double bounded = std::isnan(product) ? most : std::clamp(product, -most, most);
  return p.softcap > 0.0f ? static_cast<double>(p.softcap * kLog2e) * std::tanh(bounded) : bounded;
}

/** [tokens][head_dim] the keys of a page. */
Vector keys_of(const ScoreJob& job, const std::byte* slice) {
  const int dim = job.problem.head_dim;
  Vector keys(static_cast<size_t>(kPageTokens) * dim);
  alignas(64) float key[kMaxHeadDim];
  for (int token = 0; token < kPageTokens; ++token) {
    stored_key(job.problem.pool.dtype, slice, dim, token, key);
    std::copy(key, key + dim, keys.begin() + token * dim);
  }
  return keys;
}

/** Replaces logits by their softmax; kNone has no share. */
void soften(Vector& logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (double& x : logits) sum += x = x == kNone ? 0.0 : std::exp2(x - most);
  for (double& x : logits) x = sum == 0.0 ? 0.0 : x / sum;
}

/** One score of the logits [rows][n] of as many heads; kNone in all of them stays. */
void reduce_heads(std::vector<Vector> rows, HeadReduce reduce, float* out) {
  if (rows.empty() || rows.front().empty()) return;
  const std::vector<Vector> logits = rows;
  if (reduce == HeadReduce::kVote) {
    for (Vector& row : rows) soften(row);
  }
  for (size_t i = 0; i < rows.front().size(); ++i) {
    double score = reduce == HeadReduce::kMax ? kNone : 0.0;
    for (const Vector& row : rows) score = reduce == HeadReduce::kMax ? std::max(score, row[i]) : score + row[i];
    out[i] = static_cast<float>(logits.front()[i] == kNone ? kNone : score);
  }
}

void key_bounds(const ScoreJob& job, const PageList& candidates, HeadReduce reduce, float* out) {
  const AttentionProblem& p = job.problem;
  const int32_t* pages = p.page_row(job.block.sequence, job.block.kv_head);
  const BoundWeights weights = bound_weights(job.block);
  std::vector<Vector> rows;
  for (int row = 0; row < job.block.tokens * group_of(p); ++row) {
    const Vector query = query_of(job, row / group_of(p), row % group_of(p));
    Vector& logits = rows.emplace_back();
    for (int entry = candidates.begin; entry < candidates.end; ++entry) {
      const KeyBounds bounds = p.pool.key_bounds(p.layer, pages[candidates.at(entry)], job.block.kv_head);
      double sum = 0.0;
      for (int d = 0; d < p.head_dim; ++d) {
        const double q = query[static_cast<size_t>(d)];
        const double greatest = from_bf16(bounds.greatest[d]), least = from_bf16(bounds.least[d]);
        sum += q * (q > 0.0 ? weights.near * greatest + weights.far * least : weights.near * least + weights.far * greatest);
      }
      logits.push_back(logit_of(p, sum));
    }
  }
  reduce_heads(std::move(rows), reduce, out);
}

/** [stride][head_dim] the queries of a group of positions in falling order; zeros where the block has none. */
Vector reversed_queries(const ScoreJob& job, int group, int stride, int head) {
  const size_t dim = static_cast<size_t>(job.problem.head_dim);
  Vector queries(static_cast<size_t>(stride) * dim, 0.0);
  for (int r = 0; r < stride; ++r) {
    const int token = group * stride + stride - 1 - r - job.block.first_position;
    if (token < 0 || token >= job.block.tokens) continue;
    const Vector query = query_of(job, token, head);
    std::copy(query.begin(), query.end(), queries.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(r) * dim));
  }
  return queries;
}

/** Logits of one group of queries with all groups of keys from the first visible page on. */
Vector antidiagonal_logits(const ScoreJob& job, int group, int stride, int head) {
  const AttentionProblem& p = job.problem;
  const TokenRange tokens = visible_tokens(job.block);
  Vector logits(static_cast<size_t>(tokens.size() / stride), kNone);
  const Vector queries = reversed_queries(job, group, stride, head);
  for (int entry = job.block.visible.begin; entry < job.block.visible.end; ++entry) {
    const int first = job.block.visible.at(entry) * kPageTokens;
    Vector keys = keys_of(job, slice_of(job, job.block.visible.at(entry)));
    for (int t = 0; t < kPageTokens; ++t) {
      if (first + t > last_position(job.block)) std::fill_n(keys.begin() + t * p.head_dim, p.head_dim, 0.0);
    }
    for (int t = 0; t < kPageTokens; t += stride) {
      const int key_group = (first + t) / stride;
      const bool too_old = p.window > 0 && first + t + stride - 1 <= group * stride - p.window;
      if (key_group > group || too_old) continue;
      const double sum = dot(queries.data(), keys.data() + t * p.head_dim, stride * p.head_dim);
      logits[static_cast<size_t>((first + t - tokens.begin) / stride)] = logit_of(p, sum / stride);
    }
  }
  return logits;
}

void antidiagonal(const ScoreJob& job, int stride, int unit_tokens, float* out) {
  const TokenRange tokens = visible_tokens(job.block);
  const TokenRange units = visible_units(job.block, unit_tokens);
  Vector sums(static_cast<size_t>(units.size()), 0.0);
  for (int group = job.block.first_position / stride; group <= last_position(job.block) / stride; ++group) {
    for (int head = 0; head < group_of(job.problem); ++head) {
      Vector weights = antidiagonal_logits(job, group, stride, head);
      soften(weights);
      for (size_t i = 0; i < weights.size(); ++i) {
        const int unit = (tokens.begin + static_cast<int>(i) * stride) / unit_tokens;
        sums[static_cast<size_t>(unit - units.begin)] += weights[i];
      }
    }
  }
  std::copy(sums.begin(), sums.end(), out);
}

/** Logits of a query at `position` with the tokens of a range. */
Vector token_logits(const ScoreJob& job, const Vector& query, TokenRange range, int first_query, int last_query) {
  const AttentionProblem& p = job.problem;
  Vector logits(static_cast<size_t>(range.size()), kNone);
  for (int entry = job.block.visible.begin; entry < job.block.visible.end; ++entry) {
    const int first = job.block.visible.at(entry) * kPageTokens;
    if (first + kPageTokens <= range.begin || first >= range.end) continue;
    const Vector keys = keys_of(job, slice_of(job, job.block.visible.at(entry)));
    for (int t = 0; t < kPageTokens; ++t) {
      const int key = first + t;
      if (key < range.begin || key >= range.end) continue;
      // Some query sees it: the last one, or the one at the key itself, or the first one behind it.
      if (key > last_query || !sees(p, std::max(first_query, key), key)) continue;
      const double product = dot(query.data(), keys.data() + t * p.head_dim, p.head_dim);
      logits[static_cast<size_t>(key - range.begin)] = logit_of(p, product);
    }
  }
  return logits;
}

void vertical_slash(const ScoreJob& job, float* columns, float* diagonals) {
  const TokenRange tokens = visible_tokens(job.block);
  Vector by_key(static_cast<size_t>(tokens.size()), 0.0);
  Vector by_distance(by_key);
  for (int token = std::max(0, job.block.tokens - kVerticalSlashQueries); token < job.block.tokens; ++token) {
    const int position = job.block.first_position + token;
    for (int head = 0; head < group_of(job.problem); ++head) {
      Vector weights = token_logits(job, query_of(job, token, head), tokens, position, position);
      soften(weights);
      for (int key = tokens.begin; key <= position; ++key) {
        by_key[static_cast<size_t>(key - tokens.begin)] += weights[static_cast<size_t>(key - tokens.begin)];
        by_distance[static_cast<size_t>(position - key)] += weights[static_cast<size_t>(key - tokens.begin)];
      }
    }
  }
  std::copy(by_key.begin(), by_key.end(), columns);
  std::copy(by_distance.begin(), by_distance.end(), diagonals);
}

/** The mean of a head's queries over the block, without the dimensions that are not asked for. */
Vector mean_query(const KeyScoreJob& job, int head) {
  Vector mean(static_cast<size_t>(job.problem.head_dim), 0.0);
  for (int token = 0; token < job.block.tokens; ++token) {
    const Vector query = query_of({job.problem, job.block}, token, head);
    for (size_t d = 0; d < mean.size(); ++d) mean[d] += query[d] / job.block.tokens;
  }
  if (job.channels == nullptr) return mean;
  Vector kept(mean.size(), 0.0);
  for (int i = 0; i < job.channel_count; ++i) kept[static_cast<size_t>(job.channels[i])] = mean[static_cast<size_t>(job.channels[i])];
  return kept;
}

void keys(const KeyScoreJob& job, float* out) {
  const ScoreJob queries{job.problem, job.block};
  std::vector<Vector> rows;
  for (int head = 0; head < group_of(job.problem); ++head) {
    rows.push_back(token_logits(queries, mean_query(job, head), job.candidates, job.block.first_position, last_position(job.block)));
  }
  reduce_heads(std::move(rows), job.reduce, out);
}

}  // namespace

const ScoreTable kScalarScores{key_bounds, antidiagonal, vertical_slash, keys};

}  // namespace longhaul::attention
