// Tests of what a pool keeps beside its slices: always a function of the keys in them, however they came there; and of a
// selector that chooses pages by it.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <mutex>
#include <tuple>

#include "../../kv_pool.h"
#include "../stored_key.h"
#include "reference.h"

namespace longhaul::test {
namespace {

constexpr int kLayer = 1;

int failed = 0;

void expect(bool good, const std::string& rule, KvDtype dtype) {
  if (good) return;
  ++failed;
  std::printf("FAILED %s [%s %s]\n", rule.c_str(), level_under_test.c_str(), traits_of(dtype).name);
}

KvPool bounded_pool(const World& world) {
  const Shape& s = world.shape;
  return KvPool({Runner::kLayers, s.kv_heads, s.head_dim, Runner::pages_for(world), s.dtype, {},
                 KvChannels().with(KvChannel::kKeyBounds)});
}

/** A key of a page, read by where the layout says that it is. */
std::vector<float> key_in(const KvPoolView& pool, int page, int head, int token) {
  const std::byte* slice = pool.slice(kLayer, page, head);
  std::vector<float> key(static_cast<size_t>(pool.head_dim));
  for (int d = 0; d < pool.head_dim; ++d) {
    float& x = key[static_cast<size_t>(d)];
    switch (pool.dtype) {
      case KvDtype::kF32:
        std::memcpy(&x, slice + 4 * (d * 16 + token), 4);
        break;
      case KvDtype::kBf16:
        x = attention::from_bf16(reinterpret_cast<const uint16_t*>(slice)[d / 2 * 32 + token * 2 + d % 2]);
        break;
      case KvDtype::kInt8:
        x = static_cast<float>(static_cast<int>(slice[d / 4 * 64 + token * 4 + d % 4]) - 128) *
            scales_of(slice, pool.head_dim).key[token];
        break;
    }
  }
  if (traits_of(pool.dtype).rotated) attention::rotate_head(key.data(), pool.head_dim);
  return key;
}

/** The bf16 next to x, not above it (below) or not below it. */
uint16_t outwards(float x, bool below) {
  uint16_t bits = attention::to_bf16(x);
  const float rounded = attention::from_bf16(bits);
  if (below ? rounded <= x : rounded >= x) return bits;
  const bool larger = below == (x < 0.0f);
  bits = static_cast<uint16_t>(bits + (larger ? 1 : -1));
  return bits;
}

struct Bounds {
  std::vector<uint16_t> least, greatest;
  bool operator==(const Bounds&) const = default;
};

/** KvChannel::kKeyBounds from its definition. */
Bounds expected_bounds(const KvPoolView& pool, int page, int head, int tokens) {
  Bounds bounds;
  for (int d = 0; d < pool.head_dim; ++d) {
    std::vector<float> of_dimension;
    for (int token = 0; token < tokens; ++token) of_dimension.push_back(key_in(pool, page, head, token)[static_cast<size_t>(d)]);
    const auto [least, greatest] = std::minmax_element(of_dimension.begin(), of_dimension.end());
    bounds.least.push_back(outwards(*least, true));
    bounds.greatest.push_back(outwards(*greatest, false));
  }
  return bounds;
}

Bounds kept_bounds(const KvPoolView& pool, int page, int head) {
  const KeyBounds kept = pool.key_bounds(kLayer, page, head);
  return {{kept.least, kept.least + pool.head_dim}, {kept.greatest, kept.greatest + pool.head_dim}};
}

/** Whether every page of sequences of these lengths has the bounds of the keys in it. */
bool all_true(const KvPoolView& pool, const Runner& runner, const std::vector<int>& lengths) {
  for (size_t b = 0; b < lengths.size(); ++b) {
    for (int first = 0; first < lengths[b]; first += kPageTokens) {
      const int page = runner.page_of(static_cast<int>(b), first / kPageTokens);
      for (int head = 0; head < pool.kv_heads; ++head) {
        const int tokens = std::min(kPageTokens, lengths[b] - first);
        if (kept_bounds(pool, page, head) != expected_bounds(pool, page, head, tokens)) return false;
      }
    }
  }
  return true;
}

Shape shape_of(KvDtype dtype, int head_dim) {
  Shape shape;
  shape.dtype = dtype;
  shape.head_dim = head_dim;
  shape.norms = head_dim != 64;
  shape.rope_dim = head_dim;
  return shape;
}

void scale_rows(World& world, size_t sequence, int from, float factor) {
  auto& qkv = world.qkv[sequence];
  for (size_t i = static_cast<size_t>(from * world.row_floats()); i < qkv.size(); ++i) qkv[i] *= factor;
}

/**
 * Tokens come in steps of any size; behind every step the last ones may be refused, and smaller ones are written over them,
 * as after a draft. Then the pages go to other sequences, with smaller keys yet.
 */
void bounds_are_those_of_the_stored_keys(KvDtype dtype, int head_dim, uint32_t seed) {
  World world(shape_of(dtype, head_dim), {{0, 230}, {0, 170}}, seed);
  std::mt19937 random(seed);
  const auto below = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  KvPool pool = bounded_pool(world);
  Runner runner(world, seed, pool.view());
  for (int user = 0; user < 2; ++user) {
    std::vector<int> from{0, 0};
    while (from[0] < 230 && from[1] < 170) {
      const std::vector<int> to{std::min(230, from[0] + 1 + below(below(2) == 0 ? 40 : 3)),
                                std::min(170, from[1] + 1 + below(below(2) == 0 ? 40 : 3))};
      runner.run(from, to, 2);
      expect(all_true(pool.view(), runner, to), "bounds are those of the stored keys", dtype);
      for (size_t b = 0; b < 2; ++b) {
        const int refused = below(3) == 0 ? below(std::min(20, to[b] - from[b])) : 0;
        from[b] = to[b] - refused;
        if (refused > 0) scale_rows(world, b, from[b], 0.5f);
      }
    }
    for (size_t b = 0; b < 2; ++b) scale_rows(world, b, 0, 0.01f);
  }
}

/** A page that holds a key with a NaN has bounds that every choice by them takes. */
void a_fault_widens_the_bounds(KvDtype dtype) {
  Shape shape = shape_of(dtype, 64);
  shape.rope_dim = 0;
  World world(shape, {{0, 40}}, 5);
  constexpr size_t kFaultyDimension = 3;
  world.qkv[0][static_cast<size_t>(20 * world.row_floats() + shape.heads * shape.head_dim) + kFaultyDimension] = NAN;
  KvPool pool = bounded_pool(world);
  Runner runner(world, 5, pool.view());
  runner.run({0}, {40}, 1);
  const Bounds bounds = kept_bounds(pool.view(), runner.page_of(0, 1), 0);
  expect(bounds.least[kFaultyDimension] == 0xff7f && bounds.greatest[kFaultyDimension] == 0x7f7f,
         "a fault gives the widest finite bounds", dtype);
  expect(kept_bounds(pool.view(), runner.page_of(0, 0), 0) == expected_bounds(pool.view(), runner.page_of(0, 0), 0, 16),
         "a fault leaves other pages alone", dtype);
}

/** Quest: the `count` pages that may hold the greatest logit, by the bounds, and those that some query sees in part. */
class Quest : public Selector {
 public:
  explicit Quest(int count) : count_(count) {}

  void select(const AttentionProblem& p, const QueryBlock& block, Selection& selection) const override {
    std::vector<int32_t>& pages = selection.pages;
    std::vector<std::pair<float, int32_t>> candidates;
    for (int entry = block.visible.begin; entry < block.visible.end; ++entry) {
      const int32_t logical = block.visible.at(entry);
      if (is_forced(block, logical)) pages.push_back(logical);
      else candidates.push_back({-score(p, block, logical), logical});
    }
    std::sort(candidates.begin(), candidates.end());
    for (size_t i = 0; i < std::min(candidates.size(), static_cast<size_t>(count_)); ++i) pages.push_back(candidates[i].second);
    std::sort(pages.begin(), pages.end());
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int token = 0; token < block.tokens; ++token) {
      chosen_[{block.sequence, block.kv_head, block.first_position + token}] = {block.first_position, block.tokens, pages};
    }
  }

  static bool is_forced(const QueryBlock& block, int logical) {
    return logical * kPageTokens + kPageTokens - 1 > block.first_position;
  }

  struct Choice {
    int first_position;
    int tokens;
    std::vector<int32_t> pages;
  };
  /** What the block of a query at a position got, by (sequence, kv_head, position). */
  const Choice& choice(int sequence, int kv_head, int position) const { return chosen_.at({sequence, kv_head, position}); }

 private:
  /** The greatest sum over dimensions that a key within the bounds can have with a query of the block. */
  static float score(const AttentionProblem& p, const QueryBlock& block, int logical) {
    const KeyBounds bounds = p.pool.key_bounds(p.layer, p.page_row(block.sequence, block.kv_head)[logical], block.kv_head);
    const int group = p.heads / p.kv_heads;
    float best = -INFINITY;
    float query[kMaxHeadDim];
    for (int row = 0; row < block.tokens * group; ++row) {
      attention::prepared_query(p, block.first_token + row / group, block.kv_head * group + row % group, query);
      float sum = 0.0f;
      for (int d = 0; d < p.head_dim; ++d) {
        sum += std::max(query[d] * attention::from_bf16(bounds.least[d]), query[d] * attention::from_bf16(bounds.greatest[d]));
      }
      best = std::max(best, sum);
    }
    return best;
  }

  const int count_;
  mutable std::mutex mutex_;
  mutable std::map<std::tuple<int, int, int>, Choice> chosen_;
};

/** The same choice, in double precision, from the keys in the pages and the queries as they are defined. */
class BruteForce {
 public:
  BruteForce(const World& world, const KvPoolView& pool, const Runner& runner)
      : world_(world), pool_(pool), runner_(runner), reference_(world) {}

  std::vector<int32_t> choose(int sequence, int kv_head, const Quest::Choice& block, int count) const {
    std::vector<std::pair<double, int32_t>> candidates;
    std::vector<int32_t> pages;
    const int last = (block.first_position + block.tokens - 1) / kPageTokens;
    for (int logical = 0; logical <= last; ++logical) {
      if (logical * kPageTokens + kPageTokens - 1 > block.first_position) pages.push_back(logical);
      else candidates.push_back({-best_score(sequence, kv_head, block, logical), logical});
    }
    std::sort(candidates.begin(), candidates.end());
    for (size_t i = 0; i < std::min(candidates.size(), static_cast<size_t>(count)); ++i) pages.push_back(candidates[i].second);
    std::sort(pages.begin(), pages.end());
    return pages;
  }

 private:
  double best_score(int sequence, int kv_head, const Quest::Choice& block, int logical) const {
    const Bounds bounds = expected_bounds(pool_, runner_.page_of(sequence, logical), kv_head, kPageTokens);
    const int group = world_.shape.heads / world_.shape.kv_heads;
    double best = -1e300;
    for (int row = 0; row < block.tokens * group; ++row) {
      const std::vector<double> query = reference_.query(static_cast<size_t>(sequence), block.first_position + row / group,
                                                         kv_head * group + row % group);
      double sum = 0.0;
      for (size_t d = 0; d < query.size(); ++d) {
        sum += std::max(query[d] * attention::from_bf16(bounds.least[d]), query[d] * attention::from_bf16(bounds.greatest[d]));
      }
      best = std::max(best, sum);
    }
    return best;
  }

  const World& world_;
  const KvPoolView pool_;
  const Runner& runner_;
  const Reference reference_;
};

double tolerance(KvDtype dtype) {
  switch (dtype) {
    case KvDtype::kF32:
      return 1e-5;
    case KvDtype::kBf16:
      return 5e-3;
    case KvDtype::kInt8:
      return 1.2e-2;
  }
  return 0.0;
}

/** Decode, verification and prefill over the pages that Quest chooses. */
void pages_chosen_by_bounds_are_the_right_ones(KvDtype dtype) {
  constexpr int kCount = 4;
  const World world(shape_of(dtype, 64), {{300, 1}, {590, 3}, {200, 90}, {0, 40}}, 17);
  KvPool pool = bounded_pool(world);
  Runner runner(world, 17, pool.view());
  const Quest quest(kCount);
  runner.selector = &quest;
  const std::vector<float> outputs = runner.run_all(256, 2);
  const BruteForce brute(world, pool.view(), runner);
  for (size_t b = 0; b < world.sequences.size(); ++b) {
    const int past = world.sequences[b].past;
    for (int head = 0; head < world.shape.kv_heads; ++head) {
      for (int position = past; position < past + world.sequences[b].fresh;) {
        const Quest::Choice& choice = quest.choice(static_cast<int>(b), head, position);
        expect(choice.pages == brute.choose(static_cast<int>(b), head, choice, kCount), "bounds choose as keys do", dtype);
        position = choice.first_position + choice.tokens;
      }
    }
  }
  Reference reference(world);
  reference.reads = [&](int sequence, int kv_head, int position, int page) {
    const std::vector<int32_t>& pages = quest.choice(sequence, kv_head, position).pages;
    return std::find(pages.begin(), pages.end(), page) != pages.end();
  };
  expect(relative_error(outputs, reference.fresh_outputs()) <= tolerance(dtype), "chosen pages are attended to", dtype);
}

/** What is kept beside the slices costs dense attention no bit. */
void dense_attention_stays_as_it_is(KvDtype dtype) {
  const World world(shape_of(dtype, 64), {{300, 1}, {40, 70}}, 23);
  KvPool pool = bounded_pool(world);
  Runner plain(world, 4), bounded(world, 4, pool.view());
  expect(plain.run_all(256, 2) == bounded.run_all(256, 2), "metadata changes no bit of dense attention", dtype);
}

void test_level(KvDtype dtype) {
  uint32_t seed = 1;
  for (const int head_dim : {32, 64, 80, 128}) bounds_are_those_of_the_stored_keys(dtype, head_dim, seed++);
  a_fault_widens_the_bounds(dtype);
  pages_chosen_by_bounds_are_the_right_ones(dtype);
  dense_attention_stays_as_it_is(dtype);
}

}  // namespace
}  // namespace longhaul::test

int main() {
  using namespace longhaul;
  for (const KvDtype dtype : kKvDtypes) {
    for (const AttentionCandidate& candidate : attention_candidates(dtype)) {
      if (!candidate.supported()) continue;
      test::level_under_test = candidate.level;
      test::test_level(dtype);
    }
  }
  std::puts(test::failed == 0 ? "metadata_test passed" : "metadata_test failed");
  return test::failed == 0 ? 0 : 1;
}
