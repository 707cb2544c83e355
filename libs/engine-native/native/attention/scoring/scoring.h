// Scorers of attention policies: how much a block of queries is likely to look at each page, block of keys or token, by
// the keys and metadata that the pool keeps. A selector asks for scores, chooses by them (select.h), and the executors
// attend to what it chose.
//
// All of them take the queries that appending has prepared (AttentionProblem::out), so they are to be called between
// appending and executing: from Selector::select. What a block gets depends on its queries and on the keys that they see
// alone, bit for bit, not on where pages lie, on threads or on other sequences. Keys behind the block's last query do not
// count, whether or not the pool has them already. Learned sinks of a head (AttentionProblem::sinks) do not count either.
//
// A logit is q·k times the softmax scale, in units of log2, after the soft-cap where there is one. A product that is not
// finite counts as +-kGreatestLogit, NaN as the greatest: what a fault has got into is chosen, attended to and found. So
// no score is NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../attention.h"

namespace longhaul::attention {

constexpr float kGreatestLogit = 1e30f;

/** A block of queries of one KV head. Borrowed for the call. */
struct ScoreJob {
  const AttentionProblem& problem;
  const QueryBlock& block;
};

/** What products with the two bounds of a dimension are weighed by: the bound on the query's side, and the other. */
struct BoundWeights {
  float near;
  float far;
};

/** Of the block's plan; without one the bound of Quest. */
BoundWeights bound_weights(const QueryBlock& block);

/** Positions [begin, end) of a sequence. */
struct TokenRange {
  int begin;
  int end;

  int size() const { return end - begin; }
};

/** Positions of the pages from the first to the last one that the block sees, the last page in full. */
TokenRange visible_tokens(const QueryBlock& block);

/** The units of `unit_tokens` positions, cut at its multiples, that the block's visible pages lie in. */
TokenRange visible_units(const QueryBlock& block, int unit_tokens);

/**
 * Pages by the bounds of their keys: U = sum over dimensions of max(q greatest, q least), the most that a key of the page
 * can reach (Quest, arXiv:2406.10774, section 3.3). No key is at all its bounds at once, so U is far above what the best
 * key reaches; with the plan's bound_radius below 1 a page's score is q centre + bound_radius (U - q centre). Only where the pool has KvChannel::kKeyBounds. Bounds are no
 * probabilities: mass rules make no sense of them but for HeadReduce::kVote. Of a block of several queries each counts as
 * a head. Reads 4 head_dim bytes a page.
 *
 * @param candidates logical pages, part of block.visible.
 * @param out [candidates.size()]
 */
void score_key_bounds(const ScoreJob& job, const PageList& candidates, HeadReduce reduce, float* out);

/**
 * Blocks of keys by sums over antidiagonals (XAttention, arXiv:2503.16428, section 2.1): queries and keys are cut into
 * groups of `stride` positions at its multiples; the logit of a pair of groups is the mean of the logits of query S-1-r
 * with key r; each group of queries, of each head, has a softmax over all groups of keys that it sees; a unit's score is
 * the sum of what its groups get from all groups of queries and heads. So all scores add up to the number of groups of
 * queries times heads. A group of keys is seen where some pair of it is. Reads the keys once; costs 1 / (2 stride) of
 * dense attention's products, and memory for 8 bytes per group, head and unit.
 *
 * @param stride 4, 8 or 16.
 * @param unit_tokens a multiple of kPageTokens.
 * @param out [visible_units(block, unit_tokens).size()]
 */
void score_antidiagonal(const ScoreJob& job, int stride, int unit_tokens, float* out);

/** Queries that score_vertical_slash looks at: the block's last ones. */
constexpr int kVerticalSlashQueries = 64;

/**
 * Tokens and distances by the attention of the block's last queries (MInference, arXiv:2407.02490, section 3.2): softmax
 * over all keys that each sees, summed over queries and heads. Each of both outputs adds up to queries times heads. Costs
 * the products with keys twice for these queries.
 *
 * @param columns [n] with n = visible_tokens(block).size(): by key, from visible_tokens(block).begin on.
 * @param diagonals [n] by distance from the query back to the key, from 0 on.
 */
void score_vertical_slash(const ScoreJob& job, float* columns, float* diagonals);

/**
 * Single tokens by their keys (TokenSelect, arXiv:2411.02886, section 4.2; positions as RoPE left them). Of a block of
 * several queries their mean counts, per head. -infinity for a token that no query of the block sees, or whose page the
 * head has let go of. A vote's softmax is over `candidates`. Reads their keys.
 *
 * @param candidates part of visible_tokens(block).
 * @param out [candidates.size()]
 */
void score_keys(const ScoreJob& job, TokenRange candidates, HeadReduce reduce, float* out);

/**
 * The same over some dimensions of keys and queries, as RoPE left them (Double Sparsity, arXiv:2408.07092, section 3.2). An
 * int8 pool keeps keys in another basis, and all of a key is read there; else only the dimensions named, and the one that
 * bf16 keeps beside each.
 *
 * @param channels [count] distinct dimensions, 0 to head_dim - 1.
 */
void score_labels(const ScoreJob& job, const int32_t* channels, int count, TokenRange candidates, HeadReduce reduce, float* out);

/** Most that a thread may keep to score: enough for any scorer over 2^20 tokens, in units of 128 with up to 64 query heads a KV head. */
constexpr size_t kMostScoreBytes = size_t{256} << 20;

/**
 * Bytes that a thread keeps to score one of the blocks by its plan and to choose by the scores, at most, on levels with vectors:
 * it grows with the tokens that a block sees. Throws Fault RESOURCE_EXHAUSTED (field "attention") beyond kMostScoreBytes.
 */
size_t score_bytes(const AttentionProblem& problem, const std::vector<QueryBlock>& blocks);

}  // namespace longhaul::attention
