// Tests of the scorers: the reference against the definitions, and every level that this processor runs against it.
#include <thread>

#include "../../../fault.h"
#include "../../scratch.h"
#include "../../test/reference.h"
#include "scored.h"

namespace longhaul::test {
namespace {

using attention::HeadPlan;
using attention::kScalarScores;

Shape shape_of(KvDtype dtype, int head_dim, int group) {
  Shape shape;
  shape.dtype = dtype;
  shape.kv_heads = 2;
  shape.heads = 2 * group;
  shape.head_dim = head_dim;
  shape.rope_dim = head_dim;
  return shape;
}

int group_of(const ScoreJob& job) { return job.problem.heads / job.problem.kv_heads; }

/** Keys times a query of the reference, in natural units. */
double logit_of(const World& world, const Reference& reference, size_t b, int query, int head, int key) {
  const Shape& s = world.shape;
  const int kv_head = head / (s.heads / s.kv_heads);
  const std::vector<double> q = reference.query(b, query, head);
  const std::vector<double> k = kept(s.dtype, reference.query(b, key, s.heads + kv_head));
  double sum = 0.0;
  for (size_t d = 0; d < q.size(); ++d) sum += q[d] * k[d];
  sum *= world.scale();
  return s.softcap > 0.0f ? s.softcap * std::tanh(sum / s.softcap) : sum;
}

/** Columns and diagonals of the reference are sums of the definition's softmax. */
void vertical_slash_is_attention(const Shape& shape) {
  const World world(shape, {{40, 1}, {21, 70}}, 11);
  const Reference reference(world);
  for_each_block(world, 3, [&](const ScoreJob& job) {
    const QueryBlock& block = job.block;
    const TokenRange tokens = attention::visible_tokens(block);
    const size_t n = static_cast<size_t>(tokens.size());
    std::vector<float> columns(n), diagonals(n);
    attention::score_vertical_slash(job, columns.data(), diagonals.data());
    std::vector<double> by_key(n), by_distance(n);
    const int rows = std::min(block.tokens, attention::kVerticalSlashQueries);
    for (int q = block.first_position + block.tokens - rows; q < block.first_position + block.tokens; ++q) {
      for (int head = block.kv_head * group_of(job); head < (block.kv_head + 1) * group_of(job); ++head) {
        std::vector<double> weights(static_cast<size_t>(q) + 1);
        double total = 0.0;
        for (int k = 0; k <= q; ++k) {
          if (shape.window > 0 && k <= q - shape.window) continue;
          total += weights[static_cast<size_t>(k)] = std::exp(logit_of(world, reference, static_cast<size_t>(block.sequence), q, head, k));
        }
        for (int k = tokens.begin; k <= q; ++k) {
          by_key[static_cast<size_t>(k - tokens.begin)] += weights[static_cast<size_t>(k)] / total;
          by_distance[static_cast<size_t>(q - k)] += weights[static_cast<size_t>(k)] / total;
        }
      }
    }
    expect_below(relative_error(columns, by_key), tolerance(shape), "columns are sums of attention " + name_of(shape));
    expect_below(relative_error(diagonals, by_distance), tolerance(shape), "diagonals are sums of attention " + name_of(shape));
  });
}

/** No key of a page reaches more than its bound, and groups of queries share out one unit each. */
void scores_keep_their_promises(const Shape& shape) {
  const World world(shape, {{300, 1}, {64, 130}, {33, 3}}, 12);
  for_each_block(world, 4, [&](const ScoreJob& job) {
    const PageList pages = all_pages(job);
    std::vector<float> bounds(static_cast<size_t>(pages.size())), keys(static_cast<size_t>(pages.size()) * kPageTokens);
    if (job.block.tokens == 1 && shape.window == 0) {
      attention::score_key_bounds(job, pages, HeadReduce::kMax, bounds.data());
      attention::score_keys(job, attention::visible_tokens(job.block), HeadReduce::kMax, keys.data());
      for (size_t i = 0; i < keys.size(); ++i) {
        const bool seen = static_cast<int>(i) <= job.block.first_position;
        expect((keys[i] != -std::numeric_limits<float>::infinity()) == seen, "unseen tokens have no score " + name_of(shape), keys[i], 0);
        expect_below(keys[i], bounds[i / kPageTokens] + 0.05, "bounds are bounds " + name_of(shape));
      }
      attention::score_key_bounds(job, pages, HeadReduce::kVote, bounds.data());
      expect_below(std::fabs(sum_of(bounds) - group_of(job)), 1e-3, "heads have one vote each " + name_of(shape));
    }
    for (const int stride : {4, 8, 16}) {
      std::vector<float> units(static_cast<size_t>(attention::visible_units(job.block, 128).size()));
      attention::score_antidiagonal(job, stride, 128, units.data());
      const int first = job.block.first_position, last = first + job.block.tokens - 1;
      const double rows = (last / stride - first / stride + 1) * group_of(job);
      expect_below(std::fabs(sum_of(units) - rows), 1e-4 * rows, "every group of queries shares out one " + name_of(shape));
    }
  });
}

std::vector<float> bounds_with_radius(const ScoreJob& job, float radius) {
  HeadPlan plan;
  plan.bound_radius = radius;
  QueryBlock block = job.block;
  block.plan = &plan;
  std::vector<float> scores(static_cast<size_t>(block.visible.size()));
  attention::score_key_bounds({job.problem, block}, block.visible, HeadReduce::kSum, scores.data());
  return scores;
}

/** Half of the radius is half of the way from the centre of a box to its bound. */
void the_radius_scales_the_bounds(const Shape& shape) {
  if (shape.softcap > 0.0f) return;
  const World world(shape, {{300, 1}, {64, 5}}, 13);
  for_each_block(world, 4, [&](const ScoreJob& job) {
    const std::vector<float> centre = bounds_with_radius(job, 0.0f), half = bounds_with_radius(job, 0.5f), whole = bounds_with_radius(job, 1.0f);
    for (size_t i = 0; i < half.size(); ++i) {
      expect(whole[i] >= centre[i], "a bound is not below the centre " + name_of(shape), whole[i], centre[i]);
      expect_below(std::fabs(half[i] - (centre[i] + whole[i]) / 2), 1e-3 * (1 + std::fabs(whole[i])), "the radius scales the bounds " + name_of(shape));
    }
  });
}

/** ||a - b|| / ||b|| where both are finite; infinity where only one of both is. */
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0, norm = 1e-60;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isinf(a[i]) && a[i] == b[i]) continue;
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return std::numeric_limits<double>::infinity();
    sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    norm += static_cast<double>(b[i]) * b[i];
  }
  return std::sqrt(sum / norm);
}

/** What a table of scorers says of a block, scorer after scorer. */
std::vector<std::vector<float>> all_scores(const attention::ScoreTable& scores, const ScoreJob& job) {
  std::vector<std::vector<float>> all;
  const auto next = [&](int n) { return all.emplace_back(static_cast<size_t>(n), std::numeric_limits<float>::quiet_NaN()).data(); };
  const TokenRange tokens = attention::visible_tokens(job.block);
  const std::vector<int32_t> channels{0, 3, 5, 17, 30, 31};
  const TokenRange inner{tokens.begin + std::min(tokens.size() / 3, 37), std::max(tokens.begin + tokens.size() / 2, job.block.first_position - 5)};
  for (const HeadReduce reduce : {HeadReduce::kMax, HeadReduce::kSum, HeadReduce::kVote}) {
    PageList pages = job.block.visible;
    scores.key_bounds(job, pages, reduce, next(pages.size()));
    pages = {pages.logical, pages.begin + pages.size() / 3, pages.end};
    scores.key_bounds(job, pages, reduce, next(pages.size()));
    scores.keys({job.problem, job.block, tokens, reduce, nullptr, 0}, next(tokens.size()));
    scores.keys({job.problem, job.block, tokens, reduce, channels.data(), 6}, next(tokens.size()));
    if (inner.size() > 0) scores.keys({job.problem, job.block, inner, reduce, nullptr, 0}, next(inner.size()));
  }
  HeadPlan narrow;
  narrow.bound_radius = 0.3f;
  QueryBlock block = job.block;
  block.plan = &narrow;
  scores.key_bounds({job.problem, block}, block.visible, HeadReduce::kMax, next(block.visible.size()));
  for (const int stride : {4, 8, 16}) {
    for (const int unit : {16, 128, 192}) scores.antidiagonal(job, stride, unit, next(attention::visible_units(job.block, unit).size()));
  }
  float* columns = next(tokens.size());
  scores.vertical_slash(job, columns, next(tokens.size()));
  return all;
}

const attention::ScoreTable& scores_under_test(KvDtype dtype) { return *kernels_under_test(dtype)->scores; }

/** Of scores, relative; queries are rounded as the level rounds them, and logits of a few tokens may nearly cancel. */
double score_tolerance(const Shape& shape) {
  const double capped = shape.softcap > 0.0f ? 2.0 : 1.0;
  if (shape.dtype == KvDtype::kInt8) return 2.5e-2 * capped;
  const bool rounds = shape.dtype == KvDtype::kBf16 && (level_under_test == "avx512bf16" || level_under_test == "amx");
  return rounds ? 1.5e-2 * capped : 2e-5;
}

void a_level_agrees_with_the_reference(const Shape& shape, const std::vector<Sequence>& sequences) {
  const World world(shape, sequences, 13);
  for_each_block(world, 5, [&](const ScoreJob& job) {
    const std::vector<std::vector<float>> expected = all_scores(kScalarScores, job);
    const std::vector<std::vector<float>> actual = all_scores(scores_under_test(shape.dtype), job);
    for (size_t i = 0; i < expected.size(); ++i) {
      expect_below(difference(actual[i], expected[i]), score_tolerance(shape),
                   "a level agrees with the reference " + name_of(shape) + " scorer " + std::to_string(i) + ", " +
                       std::to_string(job.block.tokens) + " at " + std::to_string(job.block.first_position));
    }
  });
}

void a_level_agrees_in_all_shapes(KvDtype dtype) {
  if (level_under_test == "scalar") return;
  for (int group = 1; group <= 8; ++group) {
    Shape shape = shape_of(dtype, 16 * (1 + group % 4 + group % 3), group);
    shape.window = group % 3 == 0 ? 70 : 0;
    shape.softcap = group % 4 == 1 ? 3.0f : 0.0f;
    a_level_agrees_with_the_reference(shape, {{259, 1}, {128, 100 + group}, {7, 5}});
  }
  for (const int head_dim : {32, 80, 128, 256}) a_level_agrees_with_the_reference(shape_of(dtype, head_dim, 2), {{512, 1}, {0, 129}});
}

/** A key that is no number: what holds it scores highest, so that it is attended to and found, and no score is NaN. */
void a_fault_scores_highest(KvDtype dtype) {
  Shape shape = shape_of(dtype, 64, 2);
  World world(shape, {{100, 1}, {0, 64}}, 14);
  constexpr int kFault = 35;
  for (std::vector<float>& qkv : world.qkv) {
    for (int head = shape.heads; head < shape.heads + shape.kv_heads; ++head) {
      qkv[static_cast<size_t>(kFault * world.row_floats() + head * shape.head_dim + 3)] = std::numeric_limits<float>::quiet_NaN();
    }
  }
  for_each_block(world, 6, [&](const ScoreJob& job) {
    for (const std::vector<float>& scores : all_scores(scores_under_test(dtype), job)) {
      expect(std::none_of(scores.begin(), scores.end(), [](float x) { return std::isnan(x); }), "no score is NaN " + name_of(shape), 0, 0);
    }
    const PageList pages = all_pages(job);
    std::vector<float> by_page(static_cast<size_t>(pages.size()));
    const auto is_highest = [&] { return std::max_element(by_page.begin(), by_page.end()) - by_page.begin() == kFault / kPageTokens; };
    for (const HeadReduce reduce : {HeadReduce::kMax, HeadReduce::kVote}) {
      attention::score_key_bounds(job, pages, reduce, by_page.data());
      // A bound without end reaches as far as a query has signs: in one direction or the other, always.
      expect(is_highest(), "a page with a fault scores highest " + name_of(shape), 0, 0);
    }
    attention::score_antidiagonal(job, 16, kPageTokens, by_page.data());
    if (job.block.tokens == 1) expect(is_highest(), "a block of keys with a fault scores highest " + name_of(shape), 0, 0);
    std::vector<float> by_token(static_cast<size_t>(pages.size()) * kPageTokens), by_distance(by_token);
    attention::score_vertical_slash(job, by_token.data(), by_distance.data());
    const auto highest = std::max_element(by_token.begin(), by_token.end()) - by_token.begin();
    expect(dtype == KvDtype::kInt8 || highest == kFault, "a token with a fault scores highest " + name_of(shape), highest, kFault);
  });
}

HeadPlan plan_of(attention::Scorer scorer, int stride, int unit_tokens) {
  HeadPlan plan;
  plan.rule = attention::Rule::kTopK;
  plan.scorer = scorer;
  plan.stride = stride;
  plan.unit_tokens = unit_tokens;
  return plan;
}

/** What a thread that has done nothing else keeps after scoring a block by a plan. */
size_t kept_by(const ScoreJob& job, const std::vector<int32_t>& channels) {
  const HeadPlan& plan = *job.block.plan;
  const TokenRange tokens = attention::visible_tokens(job.block);
  std::vector<float> out(static_cast<size_t>(tokens.size())), other(out);
  size_t kept = 0;
  std::thread([&] {
    const attention::ScoreTable& scores = *job.problem.kernels->scores;
    switch (plan.scorer) {
      case attention::Scorer::kNone:
        break;
      case attention::Scorer::kKeyBounds:
        scores.key_bounds(job, job.block.visible, HeadReduce::kVote, out.data());
        break;
      case attention::Scorer::kAntidiagonal:
        scores.antidiagonal(job, plan.stride, plan.unit_tokens, out.data());
        break;
      case attention::Scorer::kVerticalSlash:
        scores.vertical_slash(job, out.data(), other.data());
        break;
      case attention::Scorer::kKeys:
        scores.keys({job.problem, job.block, tokens, HeadReduce::kVote, nullptr, 0}, out.data());
        break;
      case attention::Scorer::kLabels:
        scores.keys({job.problem, job.block, tokens, HeadReduce::kVote, channels.data(), static_cast<int>(channels.size())}, out.data());
        break;
    }
    kept = attention::thread_scratch_bytes();
  }).join();
  return kept;
}

/** Scorers take no more memory than is said of them, and not much less where texts are long. */
void scoring_keeps_to_its_memory(KvDtype dtype) {
  if (level_under_test == "scalar") return;
  using attention::Scorer;
  const std::vector<HeadPlan> plans{plan_of(Scorer::kKeyBounds, 16, 16),    plan_of(Scorer::kAntidiagonal, 4, 16),
                                    plan_of(Scorer::kAntidiagonal, 16, 128), plan_of(Scorer::kVerticalSlash, 16, 16),
                                    plan_of(Scorer::kKeys, 16, 1),          plan_of(Scorer::kLabels, 16, 1)};
  const Shape shape = shape_of(dtype, 128, 5);
  const World world(shape, {{5000, 1}, {500, 130}}, 15);
  for_each_block(world, 7, [&](const ScoreJob& job) {
    for (const HeadPlan& plan : plans) {
      QueryBlock block = job.block;
      block.plan = &plan;
      const double said = static_cast<double>(attention::score_bytes(job.problem, {block}));
      const double kept = static_cast<double>(kept_by({job.problem, block}, {0, 3, 30}));
      expect(kept > 0 && kept <= said, "scoring keeps to its memory " + name_of(shape) + " scorer " + std::to_string(static_cast<int>(plan.scorer)), kept, said);
    }
  });
}

/** A text that takes more than a thread may keep is refused by its length, before anything is computed. */
void too_long_a_text_is_refused() {
  AttentionProblem problem;
  problem.heads = 32;
  problem.kv_heads = 1;
  problem.head_dim = 128;
  constexpr int kLength = 1 << 20;
  const HeadPlan coarse = plan_of(attention::Scorer::kAntidiagonal, 4, 128), fine = plan_of(attention::Scorer::kAntidiagonal, 4, 16);
  const auto block_of = [&](const HeadPlan& plan) {
    return QueryBlock{3, 0, 0, kLength - 128, 128, {nullptr, 0, kLength / kPageTokens}, 0, attention::Phase::kPrefill, &plan};
  };
  const size_t bytes = attention::score_bytes(problem, {block_of(coarse)});
  expect(bytes > (size_t{32} << 20) && bytes < attention::kMostScoreBytes, "memory of scoring grows with the text", static_cast<double>(bytes), 0);
  bool refused = false;
  try {
    attention::score_bytes(problem, {block_of(coarse), block_of(fine)});
  } catch (const Fault& fault) {
    refused = fault.kind == FaultKind::kResourceExhausted && fault.field == "attention" &&
              std::string(fault.what()).find("1048576 tokens of sequence 3") != std::string::npos;
  }
  expect(refused, "a text that takes too much memory to score is refused", 0, 0);
}

void test_level(KvDtype dtype) {
  scoring_keeps_to_its_memory(dtype);
  a_fault_scores_highest(dtype);
  a_level_agrees_in_all_shapes(dtype);
  for (const int window : {0, 50}) {
    Shape shape = shape_of(dtype, 64, 3);
    shape.window = window;
    vertical_slash_is_attention(shape);
    scores_keep_their_promises(shape);
    the_radius_scales_the_bounds(shape);
    shape.softcap = 2.0f;
    vertical_slash_is_attention(shape);
  }
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
  test::too_long_a_text_is_refused();
  return test::report();
}
