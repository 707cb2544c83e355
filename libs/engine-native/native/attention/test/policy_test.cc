// Tests of what policies choose: lists keep what is forced and what is new, stay within budget, are the best by score, do not
// depend on how a sequence came, and are dense where they leave nothing out; for every KV type and level of this processor.
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "../../kv_pool.h"
#include "../policy/policy_selector.h"
#include "../scoring/scoring.h"
#include "checks.h"
#include "policies.h"
#include "reference.h"

namespace longhaul::test {
namespace {

using attention::HeadReduce;
using attention::Scorer;

constexpr int kPrompt = 520;
constexpr int kDecoded = 24;
constexpr int kEnd = kPrompt + kDecoded;

struct Method {
  const char* name;
  HeadPlan prefill;
  HeadPlan decode;
};

HeadPlan chosen(Rule rule, Scorer scorer, int unit_tokens, int sink, int window) {
  HeadPlan plan;
  plan.rule = rule;
  plan.scorer = scorer;
  plan.unit_tokens = unit_tokens;
  plan.sink_tokens = sink;
  plan.window_tokens = window;
  return plan;
}

HeadPlan quest(int budget, HeadReduce reduce) {
  HeadPlan plan = chosen(Rule::kTopK, Scorer::kKeyBounds, 16, 0, 1);
  plan.budget_tokens = budget;
  plan.head_reduce = reduce;
  return plan;
}

HeadPlan lserve(int budget, int every) {
  HeadPlan plan = chosen(Rule::kTopK, Scorer::kKeyBounds, 64, 10, 30);
  plan.budget_tokens = budget;
  plan.reuse_every = every;
  return plan;
}

HeadPlan tokens(Scorer scorer, int budget, float reuse_cosine) {
  HeadPlan plan = chosen(Rule::kTopK, scorer, 1, 5, 20);
  plan.budget_tokens = budget;
  plan.head_reduce = scorer == Scorer::kKeys ? HeadReduce::kVote : HeadReduce::kMax;
  plan.reuse_cosine = reuse_cosine;
  return plan;
}

HeadPlan xattention(float mass) {
  HeadPlan plan = chosen(Rule::kTopCdf, Scorer::kAntidiagonal, 128, 1, 1);
  plan.stride = 8;
  plan.mass = mass;
  return plan;
}

HeadPlan lines(int verticals, int slashes, float mass) {
  HeadPlan plan = chosen(verticals > 0 ? Rule::kTopK : Rule::kTopCdf, Scorer::kVerticalSlash, 16, 30, 60);
  plan.verticals = verticals;
  plan.slashes = slashes;
  plan.mass = mass;
  plan.min_units = verticals > 0 ? 0 : 3;
  return plan;
}

std::vector<Method> sparse_methods() {
  HeadPlan late = quest(64, HeadReduce::kVote);
  late.dense_below = kPrompt + 5;
  HeadPlan late_reuse = lserve(192, 4);
  late_reuse.dense_below = kPrompt + 6;
  return {{"quest", dense_plan(), quest(96, HeadReduce::kMax)},
          {"quest-vote-late", quest(128, HeadReduce::kMax), late},
          {"lserve", mask_plan(10, 100), lserve(256, 4)},
          {"lserve-late", dense_plan(), late_reuse},
          {"tokens", tokens(Scorer::kKeys, 90, 2.0f), tokens(Scorer::kKeys, 70, 2.0f)},
          {"tokens-reuse", dense_plan(), tokens(Scorer::kKeys, 70, 0.05f)},
          {"labels", xattention(0.6f), tokens(Scorer::kLabels, 60, 2.0f)},
          {"minference", lines(12, 20, 1.0f), quest(96, HeadReduce::kSum)},
          {"flexprefill", lines(0, 0, 0.3f), tokens(Scorer::kLabels, 60, 0.1f)}};
}

std::vector<Method> methods_that_leave_nothing_out() {
  return {{"quest", quest(kEnd, HeadReduce::kMax), quest(kEnd, HeadReduce::kVote)},
          {"lserve", dense_plan(), lserve(kEnd, 4)},
          {"tokens", tokens(Scorer::kKeys, kEnd, 2.0f), tokens(Scorer::kKeys, kEnd, 0.5f)},
          {"labels", xattention(1.0f), tokens(Scorer::kLabels, kEnd, 2.0f)},
          {"minference", lines(kEnd, 1, 1.0f), mask_plan(0, kEnd)},
          {"flexprefill", lines(0, 0, 1.0f), mask_plan(kEnd, 1)}};
}

Shape shape_of(KvDtype dtype) {
  Shape shape = grouped_shape(dtype, 0);
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.spread = 1.5f;
  return shape;
}

std::shared_ptr<const AttentionPolicy> compiled(const Shape& shape, const Method& method) {
  attention::PolicyFacts facts;
  facts.layers = Runner::kLayers;
  facts.kv_heads = shape.kv_heads;
  facts.plans = {method.prefill, method.decode};
  const size_t heads = static_cast<size_t>(facts.layers * facts.kv_heads);
  facts.table.assign(heads, 0);
  facts.table.resize(2 * heads, 1);
  facts.labels.r = 8;
  for (size_t i = 0; i < 8 * heads; ++i) facts.labels.channels.push_back(static_cast<int32_t>(i % 8 * 7));
  return std::make_shared<const AttentionPolicy>(std::move(facts));
}

KvPool pool_of(const World& world) {
  const Shape& s = world.shape;
  return KvPool({Runner::kLayers, s.kv_heads, s.head_dim, Runner::pages_for(world), s.dtype, {}, KvChannels().with(KvChannel::kKeyBounds)});
}

/** What blocks got, by (KV head, position of a query): the keys of the list. */
class Recording : public Selector {
 public:
  void select(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) const override {
    if (block.plan == nullptr) {
      for (int page = block.visible.begin; page < block.visible.end; ++page) selection.pages.push_back(page);
    } else {
      policies_.select(problem, block, selection);
    }
    std::set<int> keys;
    for (size_t i = 0; i < selection.pages.size(); ++i) {
      for (int t = 0; t < kPageTokens; ++t) {
        if (selection.tokens.empty() || (selection.tokens[i] >> t & 1) != 0) keys.insert(selection.pages[i] * kPageTokens + t);
      }
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int i = 0; i < block.tokens; ++i) keys_[{block.kv_head, block.first_position + i}] = keys;
  }

  const std::set<int>& keys(int kv_head, int position) const { return keys_.at({kv_head, position}); }

 private:
  const attention::PolicySelector policies_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<int, int>, std::set<int>> keys_;
};

/** Prompt in chunks of `chunk`, then the rest in chunks of `decoded`. */
std::vector<float> whole(Runner& runner, int chunk, int decoded) {
  std::vector<float> all = in_chunks_of(runner, 0, kPrompt, chunk);
  const std::vector<float> rest = in_chunks_of(runner, kPrompt, kEnd, decoded);
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

bool sees_mask(const HeadPlan& plan, int position, int key) {
  return plan.rule != Rule::kNone || key < plan.sink_tokens || position - key < plan.window_tokens;
}

/** Sink, window and its own key are in every list; a list of top-k has no more than its budget, rounded to units. */
void lists_hold_what_is_forced(const Shape& shape, const Method& method, const Recording& recording) {
  bool forced = true;
  bool bounded = true;
  for (int head = 0; head < shape.kv_heads; ++head) {
    for (int position = 0; position < kEnd; ++position) {
      const HeadPlan& plan = position < kPrompt ? method.prefill : method.decode;
      const std::set<int>& keys = recording.keys(head, position);
      for (int key = 0; key < std::min(plan.sink_tokens, position); ++key) forced = forced && keys.count(key) == 1;
      for (int key = std::max(0, position - std::min(plan.window_tokens, kEnd) + 1); key <= position; ++key) forced = forced && keys.count(key) == 1;
      const bool counted = plan.rule == Rule::kTopK && plan.budget_tokens > 0 && position >= std::max(kPrompt, plan.dense_below);
      // A list that is used again has what is new beyond its budget.
      const int rounded = (plan.budget_tokens + plan.unit_tokens - 1) / plan.unit_tokens * plan.unit_tokens + (plan.reuses() ? kDecoded + 16 : 0);
      bounded = bounded && (!counted || static_cast<int>(keys.size()) <= rounded);
    }
  }
  expect(forced, std::string(method.name) + ": lists hold what is forced " + name_of(shape), 0, 0);
  expect(bounded, std::string(method.name) + ": lists stay within their budget " + name_of(shape), 0, 0);
}

/** Attention is over the keys of the lists, and nothing else. */
void lists_are_what_is_attended_to(const World& world, const Method& method) {
  KvPool pool = pool_of(world);
  Runner runner(world, 3, pool.view());
  const Recording recording;
  runner.selector = &recording;
  runner.policies = {under(compiled(world.shape, method), 0, kPrompt)};
  std::vector<float> outputs = whole(runner, 128, 1);
  lists_hold_what_is_forced(world.shape, method, recording);
  Reference reference(world);
  reference.sees = [&](int, int head, int position, int key) {
    return recording.keys(head, position).count(key) == 1 && sees_mask(position < kPrompt ? method.prefill : method.decode, position, key);
  };
  const size_t fresh = static_cast<size_t>(world.sequences[0].fresh) * static_cast<size_t>(world.shape.heads * world.shape.head_dim);
  outputs.erase(outputs.begin(), outputs.end() - static_cast<ptrdiff_t>(fresh));
  expect_below(relative_error(outputs, reference.fresh_outputs()), 2 * tolerance(world.shape),
               std::string(method.name) + ": lists are what is attended to " + name_of(world.shape));
}

std::vector<float> outputs_of(const World& world, const Method& method, uint32_t seed, int chunk, int decoded) {
  KvPool pool = pool_of(world);
  Runner runner(world, seed, pool.view());
  runner.policies = {under(compiled(world.shape, method), 0, kPrompt)};
  return whole(runner, chunk, decoded);
}

/** Other pages, other chunks (cut at blocks), tokens decoded one by one or together: the same bits. */
void ways_to_compute_change_no_bit(const World& world, const Method& method) {
  const std::vector<float> expected = outputs_of(world, method, 1, 128, 1);
  expect(same_bits(outputs_of(world, method, 2, 384, kDecoded), expected), std::string(method.name) + ": chunks change no bit " + name_of(world.shape), 0, 0);
  expect(same_bits(outputs_of(world, method, 3, kPrompt, 7), expected), std::string(method.name) + ": steps change no bit " + name_of(world.shape), 0, 0);
}

/** Computed again from where decode begins, with the state that it left, and by a fork of the state on its way. */
void computing_again_changes_no_bit(const World& world, const Method& method) {
  KvPool pool = pool_of(world);
  Runner runner(world, 4, pool.view());
  runner.policies = {under(compiled(world.shape, method), 0, kPrompt)};
  in_chunks_of(runner, 0, kPrompt, 256);
  const std::vector<float> first = in_chunks_of(runner, kPrompt, kPrompt + 10, 1);
  const auto fork = std::make_shared<SequenceState>(*runner.policies[0].state);
  const std::vector<float> rest = in_chunks_of(runner, kPrompt + 10, kEnd, 1);
  expect(same_bits(in_chunks_of(runner, kPrompt, kPrompt + 10, 10), first), std::string(method.name) + ": computing again changes no bit " + name_of(world.shape), 0, 0);
  runner.policies = {under(compiled(world.shape, method), 0, kPrompt)};
  std::vector<float> again;
  for (int at = kPrompt; at < kPrompt + 10; ++at) {
    runner.run({at}, {at + 1}, 1);
    const std::vector<float> part = runner.run({at}, {at + 1}, 1);
    again.insert(again.end(), part.begin(), part.end());
  }
  expect(same_bits(again, first), std::string(method.name) + ": a step that is tried twice changes no bit " + name_of(world.shape), 0, 0);
  runner.policies[0].state = fork;
  expect(same_bits(in_chunks_of(runner, kPrompt + 10, kEnd, 5), rest), std::string(method.name) + ": a fork goes on as its origin " + name_of(world.shape), 0, 0);
}

void leaving_nothing_out_is_dense(const World& world, const Method& method) {
  KvPool pool = pool_of(world);
  Runner dense(world, 5, pool.view());
  expect(same_bits(outputs_of(world, method, 6, 256, 8), whole(dense, 512, 1)), std::string(method.name) + ": leaving nothing out is dense " + name_of(world.shape), 0, 0);
}

/** Two sequences of different policies and one without, against each alone. */
void neighbours_change_no_bit(const Shape& shape) {
  const std::vector<Method> methods = sparse_methods();
  const World world(shape, {{0, 300}, {0, 300}, {0, 300}}, 9);
  const auto state_of = [&](int sequence, int at) { return under(compiled(shape, methods[sequence == 0 ? 2 : 4]), at, 256); };
  KvPool pool = pool_of(world);
  Runner together(world, 7, pool.view());
  together.policies = {state_of(0, 0), state_of(2, 2)};
  std::vector<float> all[3];
  const size_t row = static_cast<size_t>(shape.heads * shape.head_dim);
  for (const auto& [from, to] : {std::pair{0, 128}, std::pair{128, 256}, std::pair{256, 300}}) {
    const std::vector<float> part = together.run({from, from, from}, {to, to, to}, 3);
    for (size_t b = 0; b < 3; ++b) {
      const auto begin = part.begin() + static_cast<ptrdiff_t>(b * static_cast<size_t>(to - from) * row);
      all[b].insert(all[b].end(), begin, begin + static_cast<ptrdiff_t>(static_cast<size_t>(to - from) * row));
    }
  }
  for (int b = 0; b < 3; ++b) {
    World alone(shape, {world.sequences[0]}, 9);
    alone.qkv[0] = world.qkv[static_cast<size_t>(b)];
    alone.rope[0] = world.rope[static_cast<size_t>(b)];
    KvPool own = pool_of(alone);
    Runner runner(alone, 8, own.view());
    if (b != 1) runner.policies = {state_of(b, 0)};
    std::vector<float> outputs = in_chunks_of(runner, 0, 256, 256);
    const std::vector<float> rest = in_chunks_of(runner, 256, 300, 1);
    outputs.insert(outputs.end(), rest.begin(), rest.end());
    expect(same_bits(outputs, all[b]), "neighbours of other policies change no bit " + name_of(shape), b, 0);
  }
}

/** Within a period the list is that of its beginning and what came since; at the next one it is another. */
void lists_are_used_for_a_period(KvDtype dtype) {
  const Shape shape = shape_of(dtype);
  const World world(shape, {{0, kEnd}}, 31);
  KvPool pool = pool_of(world);
  Runner runner(world, 3, pool.view());
  const Recording recording;
  runner.selector = &recording;
  runner.policies = {under(compiled(shape, {"lserve", dense_plan(), lserve(192, 4)}), 0, kPrompt)};
  whole(runner, 256, 1);
  bool same = true;
  int changes = 0;
  for (int position = kPrompt; position < kEnd; ++position) {
    const int anchor = position - (position - kPrompt) % 4;
    std::set<int> expected = recording.keys(0, anchor);
    for (int page = anchor / kPageTokens; page <= position / kPageTokens; ++page) {
      for (int t = 0; t < kPageTokens; ++t) expected.insert(page * kPageTokens + t);
    }
    same = same && recording.keys(0, position) == expected;
    changes += position == anchor && position > kPrompt && recording.keys(0, position) != recording.keys(0, position - 1) ? 1 : 0;
  }
  expect(same, "a list is used for its period " + name_of(shape), 0, 0);
  expect(changes > 0, "a new period has a new list " + name_of(shape), changes, 1);
}

/** The list of a query is that of the greatest scores, units by their best page. */
void the_best_units_are_chosen(KvDtype dtype) {
  struct Check : Selector {
    mutable std::mutex mutex;
    mutable int wrong = 0, checked = 0;
    void select(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) const override {
      attention::PolicySelector().select(problem, block, selection);
      const std::lock_guard<std::mutex> lock(mutex);
      std::vector<float> scores(static_cast<size_t>(block.visible.size()));
      attention::score_key_bounds({problem, block}, block.visible, block.plan->head_reduce, scores.data());
      const int unit = block.plan->unit_tokens / kPageTokens;
      std::map<int, float> best;
      for (size_t page = 0; page < scores.size(); ++page) {
        const auto [at, fresh] = best.try_emplace(static_cast<int>(page) / unit, scores[page]);
        if (!fresh) at->second = std::max(at->second, scores[page]);
      }
      const std::set<int> pages(selection.pages.begin(), selection.pages.end());
      const int first_forced = (block.first_position - 29) / block.plan->unit_tokens;
      float least_in = 1e30f, most_out = -1e30f;
      for (const auto& [index, score] : best) {
        if (index == 0 || index >= first_forced) continue;
        if (pages.count(index * unit) == 1) least_in = std::min(least_in, score);
        else most_out = std::max(most_out, score);
      }
      wrong += least_in < most_out ? 1 : 0;
      checked += most_out > -1e30f ? 1 : 0;
    }
  };
  const Shape shape = shape_of(dtype);
  const World world(shape, {{0, kEnd}}, 33);
  KvPool pool = pool_of(world);
  Runner runner(world, 3, pool.view());
  in_chunks_of(runner, 0, kPrompt, 256);
  const Check check;
  runner.selector = &check;
  runner.policies = {under(compiled(shape, {"lserve", dense_plan(), lserve(256, 1)}), 0, kPrompt)};
  in_chunks_of(runner, kPrompt, kEnd, 6);
  expect(check.wrong == 0 && check.checked > 10, "the best units are chosen " + name_of(shape), check.wrong, 0);
}

void test_rules() {
  const bool slow = level_under_test == "scalar";
  for (const KvDtype dtype : kKvDtypes) {
    if (kernels_under_test(dtype) == nullptr) continue;
    const Shape shape = shape_of(dtype);
    const World world(shape, {{kEnd - 40, 40}}, 21);
    for (const Method& method : sparse_methods()) {
      lists_are_what_is_attended_to(world, method);
      if (slow) continue;
      ways_to_compute_change_no_bit(world, method);
      computing_again_changes_no_bit(world, method);
    }
    for (const Method& method : methods_that_leave_nothing_out()) leaving_nothing_out_is_dense(world, method);
    if (!slow) neighbours_change_no_bit(shape);
    lists_are_used_for_a_period(dtype);
    the_best_units_are_chosen(dtype);
  }
}

}  // namespace
}  // namespace longhaul::test

int main() {
  using namespace longhaul;
  for (const std::string& level : test::available_levels()) {
    test::level_under_test = level;
    test::test_rules();
  }
  return test::report();
}
