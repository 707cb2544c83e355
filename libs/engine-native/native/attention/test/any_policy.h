// Random policies and texts under them. Test support.
#pragma once

#include <initializer_list>
#include <optional>
#include <random>

#include "policies.h"

namespace longhaul::test {

using attention::HeadReduce;
using attention::kUnbounded;
using attention::Scorer;

using Random = std::mt19937;

inline int below(Random& random, int n) { return static_cast<int>(random() % static_cast<uint32_t>(n)); }

template <class T>
T one_of(Random& random, std::initializer_list<T> values) {
  return values.begin()[below(random, static_cast<int>(values.size()))];
}

/** Ways to leave keys out. */
enum class Kind { kDense, kMask, kSummary, kPages, kLongPages, kBlocks, kLines, kKeys, kLabels };

constexpr std::initializer_list<Kind> kPrefillKinds{Kind::kDense,     Kind::kMask,  Kind::kPages, Kind::kLongPages,
                                                    Kind::kBlocks,    Kind::kLines, Kind::kKeys,  Kind::kLabels};
constexpr std::initializer_list<Kind> kDecodeKinds{Kind::kDense,     Kind::kMask, Kind::kSummary, Kind::kPages,
                                                   Kind::kLongPages, Kind::kKeys, Kind::kLabels};

inline void rank_by(HeadPlan& plan, Random& random, Scorer scorer, int unit_tokens, int budget_tokens) {
  plan.rule = Rule::kTopK;
  plan.scorer = scorer;
  plan.unit_tokens = unit_tokens;
  plan.budget_tokens = budget_tokens;
  plan.head_reduce = one_of(random, {HeadReduce::kMax, HeadReduce::kSum, HeadReduce::kVote});
}

/** By a share of the mass in place of a count. */
inline void reach_mass(HeadPlan& plan, Random& random) {
  plan.rule = Rule::kTopCdf;
  plan.head_reduce = HeadReduce::kVote;
  plan.mass = one_of(random, {0.3f, 0.8f, 0.95f});
  plan.min_units = one_of(random, {0, 0, 2});
  plan.max_units = one_of(random, {kUnbounded, kUnbounded, 5});
}

inline HeadPlan any_plan(Random& random, Kind kind, Phase phase) {
  HeadPlan plan;
  if (kind == Kind::kDense) return plan;
  const bool decodes = phase == Phase::kDecode;
  plan.rule = Rule::kNone;
  plan.sink_tokens = one_of(random, {0, 1, 5, 20, 130});
  plan.window_tokens = one_of(random, {1, 10, 60, 300});
  switch (kind) {
    case Kind::kDense:
    case Kind::kMask:
      break;
    case Kind::kSummary:
      plan.summary = true;
      break;
    case Kind::kPages:
      rank_by(plan, random, Scorer::kKeyBounds, 16, one_of(random, {1, 64, 100, 200}));
      break;
    case Kind::kLongPages:
      rank_by(plan, random, Scorer::kKeyBounds, one_of(random, {32, 48, 64, 128}), one_of(random, {64, 200, 300}));
      if (decodes) plan.reuse_every = one_of(random, {1, 4, 7});
      break;
    case Kind::kBlocks:
      rank_by(plan, random, Scorer::kAntidiagonal, one_of(random, {64, 128, 192}), one_of(random, {128, 300}));
      plan.stride = one_of(random, {4, 8, 16});
      if (below(random, 3) > 0) reach_mass(plan, random);
      break;
    case Kind::kLines:
      rank_by(plan, random, Scorer::kVerticalSlash, 16, 0);
      plan.verticals = one_of(random, {0, 12, 90});
      plan.slashes = one_of(random, {0, 20, 90});
      if (below(random, 2) > 0) reach_mass(plan, random);
      break;
    case Kind::kKeys:
    case Kind::kLabels:
      rank_by(plan, random, kind == Kind::kKeys ? Scorer::kKeys : Scorer::kLabels, 1, one_of(random, {1, 70, 90, 200}));
      if (below(random, 4) == 0) reach_mass(plan, random);
      if (decodes) plan.reuse_cosine = one_of(random, {2.0f, 0.3f, -1.0f});
      break;
  }
  return plan;
}

/** Changes a plan so that a text of `length` tokens loses nothing by it. */
inline void leave_nothing_out(HeadPlan& plan, Random& random, int length) {
  plan.max_units = kUnbounded;
  if (below(random, 5) == 0) {
    plan.dense_below = one_of(random, {length, kUnbounded});
  } else if (plan.rule == Rule::kNone) {
    plan.window_tokens = one_of(random, {length, length + 5, kUnbounded});
  } else if (below(random, 3) == 0) {
    plan.min_units = kUnbounded;
  } else if (plan.rule == Rule::kTopCdf) {
    plan.mass = 1.0f;
  } else if (plan.scorer == Scorer::kVerticalSlash) {
    (below(random, 2) == 0 ? plan.verticals : plan.slashes) = length;
  } else {
    plan.budget_tokens = one_of(random, {length, length + 1, kUnbounded});
  }
}

/** A text under a policy, or without one. */
struct Text {
  int length = 0;
  /** May lie beyond the text. */
  int prompt = 0;
  /** By KV head. */
  std::vector<HeadPlan> prefill, decode;
  float skip_softmax = 0.0f;
  bool has_policy = true;
  /** Whether its heads let go of some pages of the prompt when decode begins, each of others. */
  bool apart = false;

  /** Whether chunks of its prompt have to end at multiples of kBlockTokens. */
  bool ranks_blocks() const {
    return has_policy && std::any_of(prefill.begin(), prefill.end(), [](const HeadPlan& plan) { return plan.scorer != Scorer::kNone; });
  }
  bool decodes_at(int position) const { return position >= prompt; }
  const HeadPlan& plan_at(int kv_head, int position) const {
    return (decodes_at(position) ? decode : prefill)[static_cast<size_t>(kv_head)];
  }
  bool lets_go(int kv_head, int page) const {
    return apart && page < prompt / kPageTokens && (static_cast<uint32_t>(page * 2 + kv_head) * 2654435761u >> 9) % 4 == 0;
  }
};

inline Shape any_shape(Random& random, KvDtype dtype) {
  Shape shape;
  shape.dtype = dtype;
  shape.kv_heads = one_of(random, {1, 2, 3});
  shape.heads = shape.kv_heads * one_of(random, {1, 2, 3, 5, 7});
  shape.head_dim = one_of(random, {32, 64, 64, 80, 128});
  shape.rope_dim = one_of(random, {0, 32, shape.head_dim});
  shape.window = one_of(random, {0, 0, 50, 200});
  shape.softcap = one_of(random, {0.0f, 0.0f, 20.0f});
  shape.sinks = below(random, 3) == 0;
  shape.norms = below(random, 3) == 0;
  shape.spread = one_of(random, {1.0f, 1.5f});
  return shape;
}

inline int any_length(Random& random, int longest) {
  const int edge = one_of(random, {1, 15, 16, 17, 33, 127, 128, 129, 255, 257, 385});
  return below(random, 2) == 0 && edge <= longest ? edge : 1 + below(random, longest);
}

inline Text any_text(Random& random, const Shape& shape, int longest) {
  Text text;
  text.length = any_length(random, longest);
  const int decoded = std::min(text.length, 1 + below(random, 40));
  text.prompt = one_of(random, {text.length - decoded, text.length - decoded, text.length - decoded, text.length, text.length + 9});
  if (text.length <= 130 && below(random, 4) == 0) text.prompt = 0;
  for (int head = 0; head < shape.kv_heads; ++head) {
    text.prefill.push_back(any_plan(random, one_of(random, kPrefillKinds), Phase::kPrefill));
    text.decode.push_back(any_plan(random, one_of(random, kDecodeKinds), Phase::kDecode));
    if (below(random, 4) == 0) text.prefill.back().dense_below = 1 + below(random, longest);
    if (below(random, 4) == 0) text.decode.back().dense_below = std::max(1, text.length - below(random, decoded + 1));
  }
  text.skip_softmax = one_of(random, {0.0f, 0.0f, 3.0f});
  text.apart = below(random, 3) == 0;
  return text;
}

inline std::shared_ptr<const AttentionPolicy> compiled(const Shape& shape, const Text& text) {
  attention::Labels labels;
  labels.r = 8;
  for (int i = 0; i < Runner::kLayers * shape.kv_heads * labels.r; ++i) labels.channels.push_back(i % labels.r * 4);
  return policy_of(shape, text.prefill, text.decode, text.skip_softmax, std::move(labels));
}

/** Ends of steps that a text may be computed in. */
inline std::vector<int> any_cuts(Random& random, const Text& text) {
  const int longest = one_of(random, {20, 90, 300, 700});
  std::vector<int> cuts;
  for (int at = 0; at < text.length;) {
    int end = at + 1 + below(random, longest);
    if (end < text.prompt && text.ranks_blocks()) end = (end + attention::kBlockTokens - 1) / attention::kBlockTokens * attention::kBlockTokens;
    if (at < text.prompt && end > text.prompt && (text.apart || below(random, 2) == 0)) end = text.prompt;
    at = std::min(end, text.length);
    cuts.push_back(at);
  }
  return cuts;
}

/** The tables of the texts whose heads have let go of pages. */
inline std::vector<HeadTables> tables_apart(const Runner& runner, const Shape& shape, const std::vector<Text>& texts, const std::vector<int>& past) {
  std::vector<HeadTables> all;
  for (size_t b = 0; b < texts.size(); ++b) {
    if (!texts[b].apart || !texts[b].decodes_at(past[b])) continue;
    HeadTables tables{static_cast<int>(b), {}};
    for (int row = 0; row < Runner::kLayers * shape.kv_heads; ++row) {
      for (int page = 0; page < runner.width(); ++page) {
        const bool gone = texts[b].lets_go(row % shape.kv_heads, page);
        tables.pages.push_back(gone ? kNoPage : runner.page_of(static_cast<int>(b), page));
      }
    }
    all.push_back(std::move(tables));
  }
  return all;
}

using Cuts = std::vector<std::vector<int>>;

/** Outputs of all tokens, by text. States begin anew. */
inline std::vector<std::vector<float>> computed(Runner& runner, const Shape& shape, const std::vector<Text>& texts, const Cuts& cuts, int threads) {
  std::vector<std::vector<float>> outputs(texts.size());
  std::vector<int> from(texts.size(), 0), to(from);
  runner.policies.clear();
  for (size_t b = 0; b < texts.size(); ++b) {
    if (texts[b].has_policy) runner.policies.push_back(under(compiled(shape, texts[b]), static_cast<int>(b), texts[b].prompt));
  }
  for (size_t step = 0; from != to || step == 0; ++step) {
    from = to;
    for (size_t b = 0; b < texts.size(); ++b) to[b] = step < cuts[b].size() ? cuts[b][step] : from[b];
    runner.head_tables = tables_apart(runner, shape, texts, from);
    const std::vector<float> part = runner.run(from, to, threads);
    const size_t row = static_cast<size_t>(shape.heads * shape.head_dim);
    auto begin = part.begin();
    for (size_t b = 0; b < texts.size(); ++b) {
      const auto end = begin + static_cast<ptrdiff_t>(static_cast<size_t>(to[b] - from[b]) * row);
      outputs[b].insert(outputs[b].end(), begin, end);
      begin = end;
    }
  }
  return outputs;
}

}  // namespace longhaul::test
