// What a policy has one KV head of a layer look at, in one phase: plain numbers, as NativeHeadPlan of libs/attention has
// them. A method of a paper is a set of such plans; the executors know nothing else of it.
#pragma once

#include <cstdint>

namespace longhaul::attention {

/** Of a query, by its position alone: the tokens of the prompt are prefill, however and whenever they are computed. */
enum class Phase : uint8_t { kPrefill, kDecode };

/** How units are chosen among the candidates: those that a query sees and that are not forced. */
enum class Rule : uint8_t {
  /** All of them: dense attention. */
  kAll,
  /** None of them: sink and window are all there is, exact to the token. */
  kNone,
  kTopK,
  kTopCdf,
};

enum class Scorer : uint8_t { kNone, kKeyBounds, kAntidiagonal, kVerticalSlash, kKeys, kLabels };

/** How the scores of the heads of a group become one: each unit's greatest, their sum, or the sum of each head's softmax. */
enum class HeadReduce : uint8_t { kMax, kSum, kVote };

/** A bound that binds nobody: beyond every position. */
constexpr int kUnbounded = 1 << 30;

/** Positions that a block of prefill queries is cut at the multiples of. */
constexpr int kBlockTokens = 128;

struct HeadPlan {
  /** Queries at positions below attend to all that they see. */
  int dense_below = 0;
  Rule rule = Rule::kAll;
  /** Forced keys: at positions below sink_tokens, and less than window_tokens behind the query (its own counts). */
  int sink_tokens = 0;
  int window_tokens = kUnbounded;
  /** Tokens of a unit: a multiple of kPageTokens, or 1 for lists of tokens. */
  int unit_tokens = 16;
  Scorer scorer = Scorer::kNone;
  /** Of antidiagonals: 4, 8 or 16. */
  int stride = 16;
  HeadReduce head_reduce = HeadReduce::kMax;
  /** Of key bounds: the share of a box's half widths that counts, [0, 1]; 1: the most that a key in it can reach. */
  float bound_radius = 1.0f;
  /** Top-k: tokens of a whole list, forced ones among them, rounded up to units. */
  int budget_tokens = 0;
  /** Top-cdf: the share of the scores' sum that a list reaches, (0, 1]; 1 takes everything. */
  float mass = 1.0f;
  /** Bounds of what is chosen, forced units not counted. */
  int min_units = 0;
  int max_units = kUnbounded;
  /** Vertical-slash: how many of each; 0 with top-cdf: by mass. */
  int verticals = 0;
  int slashes = 0;
  /** Decode: a fresh list where (position - decode_from) is a multiple; 1: always. */
  int reuse_every = 1;
  /** Decode: a list stays while the cosine of the query with that of its selection is at least this; above 1: never. */
  float reuse_cosine = 2.0f;
  /** Rule kNone, decode: what is dropped counts as one mean row (RazorAttention). */
  bool summary = false;

  bool dense() const { return rule == Rule::kAll; }
  bool reuses() const { return reuse_every > 1 || reuse_cosine <= 1.0f; }
  /** What a selection keeps makes that of the next query: they are made one after the other. */
  bool has_memory() const { return reuses() || summary; }
};

}  // namespace longhaul::attention
