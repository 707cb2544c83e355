// Properties of attention under random policies, texts and shapes: what leaves nothing out is dense, lists are what is attended
// to, and no bit depends on neighbours, pages, threads or steps; for every KV type and level of this processor. Seeded: a
// failure names the seed that makes it again.
#include "../../kv_pool.h"
#include "any_policy.h"
#include "checks.h"
#include "recording.h"
#include "reference.h"

namespace longhaul::test {
namespace {

KvPool pool_of(const World& world) {
  const Shape& s = world.shape;
  return KvPool({Runner::kLayers, s.kv_heads, s.head_dim, Runner::pages_for(world), s.dtype, {}, KvChannels().with(KvChannel::kKeyBounds)});
}

std::vector<float> alone(const World& world, const Text& text, uint32_t seed, const std::vector<int>& cuts, const Selector* selector = nullptr) {
  KvPool pool = pool_of(world);
  Runner runner(world, seed, pool.view());
  runner.selector = selector;
  return computed(runner, world.shape, {text}, {cuts}, 1)[0];
}

/** Of a world of several texts the world of one. */
World world_of(const World& all, size_t b) {
  World one(all.shape, {all.sequences[b]}, 1);
  one.qkv[0] = all.qkv[b];
  one.rope[0] = all.rope[b];
  one.q_norm = all.q_norm, one.k_norm = all.k_norm, one.sinks = all.sinks;
  return one;
}

bool in_window(const Shape& shape, int position, int key) { return shape.window == 0 || position - key < shape.window; }

bool is_held(const Text& text, int kv_head, int position, int key) {
  return !text.decodes_at(position) || !text.lets_go(kv_head, key / kPageTokens);
}

/** Whether a query looks at a key, given its list. */
bool looks_at(const Shape& shape, const Text& text, const Recording& recording, int sequence, int kv_head, int position, int key) {
  const HeadPlan& plan = text.plan_at(kv_head, position);
  const bool masked = plan.rule == Rule::kNone && position >= plan.dense_below;
  const bool in_mask = key < plan.sink_tokens || position - key < plan.window_tokens;
  return in_window(shape, position, key) && recording.keys(kv_head, position, sequence).count(key) == 1 && (!masked || in_mask);
}

std::string named(const char* rule, const Shape& shape, uint32_t seed) { return std::string(rule) + ", seed " + std::to_string(seed) + " " + name_of(shape); }

/** A policy that leaves nothing out has every visible key in its lists, once, and the bits of dense. */
void leaving_nothing_out_is_dense(KvDtype dtype, int longest, uint32_t seed) {
  Random random(seed);
  const Shape shape = any_shape(random, dtype);
  Text text = any_text(random, shape, longest);
  for (std::vector<HeadPlan>* plans : {&text.prefill, &text.decode}) {
    for (HeadPlan& plan : *plans) leave_nothing_out(plan, random, text.length);
  }
  text.skip_softmax = one_of(random, {0.0f, 100.0f});
  const World world(shape, {{0, text.length}}, seed);
  const std::vector<int> cuts = any_cuts(random, text);
  const Recording recording;
  const std::vector<float> outputs = alone(world, text, seed, cuts);
  alone(world, text, seed + 1, any_cuts(random, text), &recording);
  Text dense = text;
  dense.has_policy = false;
  expect(same_bits(outputs, alone(world, dense, seed + 2, any_cuts(random, text))), named("leaving nothing out is dense", shape, seed), 0, 0);
  bool covers = true;
  for (int head = 0; head < shape.kv_heads; ++head) {
    for (int position = 0; position < text.length; ++position) {
      for (int key = 0; key <= position; ++key) {
        const bool visible = in_window(shape, position, key) && is_held(text, head, position, key);
        covers = covers && visible == looks_at(shape, text, recording, 0, head, position, key);
      }
    }
  }
  expect(covers, named("lists that leave nothing out cover what is visible", shape, seed), 0, 0);
}

/** Sinks, window and the query's own key, where they are visible; nothing that is not. */
bool is_forced(const HeadPlan& plan, int position, int key) {
  return key < plan.sink_tokens || position - key < std::max(1, plan.window_tokens);
}

void lists_hold_what_is_forced(const Shape& shape, const Text& text, const Recording& recording, uint32_t seed) {
  bool holds = true;
  for (int head = 0; head < shape.kv_heads; ++head) {
    for (int position = 0; position < text.length; ++position) {
      const HeadPlan& plan = text.plan_at(head, position);
      for (int key = 0; key <= position; ++key) {
        const bool visible = in_window(shape, position, key) && is_held(text, head, position, key);
        const bool listed = recording.keys(head, position).count(key) == 1;
        const bool wanted = visible && (is_forced(plan, position, key) || position < plan.dense_below || plan.dense());
        holds = holds && (!wanted || listed) && (!listed || is_held(text, head, position, key));
      }
    }
  }
  expect(holds, named("lists hold what is forced, and nothing that the head has let go of", shape, seed), 0, 0);
}

bool has_summary(const Text& text) {
  return std::any_of(text.decode.begin(), text.decode.end(), [](const HeadPlan& plan) { return plan.summary; });
}

/** Attention is over the keys of the lists, and nothing else: in every head by its own plan. */
void lists_are_what_is_attended_to(KvDtype dtype, int longest, uint32_t seed) {
  Random random(seed);
  const Shape shape = any_shape(random, dtype);
  Text text = any_text(random, shape, longest);
  text.skip_softmax = 0.0f;
  const int fresh = std::min(text.length, 24);
  const World world(shape, {{text.length - fresh, fresh}}, seed);
  const Recording recording;
  std::vector<float> outputs = alone(world, text, seed, any_cuts(random, text), &recording);
  lists_hold_what_is_forced(shape, text, recording, seed);
  if (has_summary(text)) return;
  Reference reference(world);
  reference.sees = [&](int, int head, int position, int key) { return looks_at(shape, text, recording, 0, head, position, key); };
  outputs.erase(outputs.begin(), outputs.end() - static_cast<ptrdiff_t>(fresh) * shape.heads * shape.head_dim);
  expect_below(relative_error(outputs, reference.fresh_outputs()), 3 * tolerance(shape), named("lists are what is attended to", shape, seed));
}

/** Three texts together, on any pages, with any steps and threads, against each alone: the same lists and the same bits. */
void nothing_else_changes_a_bit(KvDtype dtype, int longest, uint32_t seed) {
  Random random(seed);
  const Shape shape = any_shape(random, dtype);
  std::vector<Text> texts;
  std::vector<Sequence> lengths;
  Cuts cuts;
  for (int b = 0; b < 3; ++b) {
    texts.push_back(any_text(random, shape, longest));
    texts.back().has_policy = below(random, 4) > 0;
    lengths.push_back({0, texts.back().length});
    cuts.push_back(any_cuts(random, texts.back()));
  }
  const World world(shape, lengths, seed);
  KvPool pool = pool_of(world);
  Runner runner(world, seed, pool.view());
  const std::vector<std::vector<float>> together = computed(runner, shape, texts, cuts, 3);
  for (size_t b = 0; b < texts.size(); ++b) {
    const std::vector<float> by_itself = alone(world_of(world, b), texts[b], seed + 7, any_cuts(random, texts[b]));
    expect(same_bits(by_itself, together[b]), named("neighbours, pages, threads and steps change no bit", shape, seed), static_cast<double>(b), 0);
  }
  const Recording in_batch, by_itself;
  runner.selector = &in_batch;
  computed(runner, shape, texts, cuts, 3);
  alone(world_of(world, 0), texts[0], seed + 9, any_cuts(random, texts[0]), &by_itself);
  bool same = true;
  for (int head = 0; head < shape.kv_heads; ++head) {
    for (int position = 0; position < texts[0].length; ++position) {
      for (int key = 0; key <= position; ++key) {
        same = same && looks_at(shape, texts[0], in_batch, 0, head, position, key) == looks_at(shape, texts[0], by_itself, 0, head, position, key);
      }
    }
  }
  expect(same, named("neighbours, pages, threads and steps change no list", shape, seed), 0, 0);
}

/** What is skipped is what can have no more than its share, under every way to leave keys out. */
void skipping_loses_no_more_than_its_share(KvDtype dtype, int longest, uint32_t seed) {
  Random random(seed);
  Shape shape = any_shape(random, dtype);
  shape.spread = 2.0f;
  Text text = any_text(random, shape, longest);
  const World world(shape, {{0, text.length}}, seed);
  const std::vector<int> cuts = any_cuts(random, text);
  text.skip_softmax = 0.0f;
  const std::vector<float> all = alone(world, text, seed, cuts);
  for (const float skip : {10.0f, 50.0f}) {
    text.skip_softmax = skip;
    const std::vector<float> some = alone(world, text, seed, cuts);
    const double share = text.length * std::exp(-static_cast<double>(skip));
    expect_below(relative_error(some, {all.begin(), all.end()}), 4 * share + tolerance(shape), named("skipping loses no more than its share", shape, seed));
  }
}

/** One token is all that there is, whoever looks at it. */
void a_text_of_one_token_is_dense(KvDtype dtype, uint32_t seed) {
  Random random(seed);
  for (const Kind kind : kPrefillKinds) {
    for (const Kind decode : kDecodeKinds) {
      Shape shape = any_shape(random, dtype);
      shape.kv_heads = 1, shape.heads = 3;
      Text text;
      text.length = 1;
      text.prompt = one_of(random, {0, 1, 5});
      text.prefill = {any_plan(random, kind, Phase::kPrefill)};
      text.decode = {any_plan(random, decode, Phase::kDecode)};
      Text dense = text;
      dense.has_policy = false;
      const World world(shape, {{0, 1}}, seed);
      expect(same_bits(alone(world, text, seed, {1}), alone(world, dense, seed, {1})), named("a text of one token is dense", shape, seed), text.prompt, 0);
    }
  }
}

/** A plan that has room for a key by its score: what is no number is there for all queries that might look at it. */
HeadPlan roomy_plan(Random& random, Kind kind, Phase phase) {
  HeadPlan plan = any_plan(random, kind, phase);
  plan.sink_tokens = 1;
  plan.window_tokens = plan.rule == Rule::kNone ? kUnbounded : 10;
  plan.max_units = kUnbounded;
  plan.min_units = 0;
  // Beside what is forced for all queries of a block of the prompt.
  const int forced = phase == Phase::kPrefill ? attention::kBlockTokens + 32 : 0;
  if (plan.rule == Rule::kTopK) plan.budget_tokens = forced + 4 * std::max(plan.unit_tokens, 16) + 40;
  if (plan.rule == Rule::kTopK && kind == Kind::kLines) plan.verticals = 12;
  return plan;
}

/** A query or a key that is no number comes out wherever it may be looked at, whatever chooses and whatever may be skipped. */
void faults_are_not_lost(KvDtype dtype, Kind prefill, Kind decode, uint32_t seed) {
  Random random(seed);
  Shape shape = grouped_shape(dtype, 0);
  shape.heads = 4, shape.kv_heads = 2;
  shape.softcap = one_of(random, {0.0f, 20.0f});
  Text text;
  text.length = 420;
  text.prompt = 400;
  for (int head = 0; head < shape.kv_heads; ++head) {
    text.prefill.push_back(roomy_plan(random, prefill, Phase::kPrefill));
    text.decode.push_back(roomy_plan(random, decode, Phase::kDecode));
  }
  text.skip_softmax = one_of(random, {0.0f, 2.0f});
  const size_t row = static_cast<size_t>(shape.heads * shape.head_dim);
  for (const bool of_key : {false, true}) {
    for (const int faulty : {133, 405}) {
      World world(shape, {{0, text.length}}, seed);
      const int offset = of_key ? shape.heads * shape.head_dim : 0;
      world.qkv[0][static_cast<size_t>(faulty * world.row_floats() + offset)] = std::numeric_limits<float>::quiet_NaN();
      const std::vector<float> outputs = alone(world, text, seed, {128, 256, 384, 400, 401, 407, 420});
      const auto is_sound = [&](int position) { return std::isfinite(outputs[static_cast<size_t>(position) * row]); };
      bool seen = !is_sound(faulty), kept_apart = true;
      for (int at = faulty + 1; at < text.length; ++at) (of_key ? seen : kept_apart) &= is_sound(at) != of_key;
      for (int at = 0; at < faulty; ++at) kept_apart &= is_sound(at);
      expect(seen, named("a fault is not lost", shape, seed), offset, faulty);
      expect(kept_apart, named("a fault is where it is seen alone", shape, seed), offset, faulty);
    }
  }
}

/** Counts the lists that are made. */
struct Counting : Selector {
  mutable int lists = 0;
  void select(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) const override {
    lists += block.plan != nullptr ? 1 : 0;
    if (block.plan != nullptr) return attention::PolicySelector().select(problem, block, selection);
    for (int page = block.visible.begin; page < block.visible.end; ++page) selection.pages.push_back(page);
  }
};

/** Up to the tokens of its budget, rounded up to units, a plan has no list; prompts have none for whole blocks. */
void a_budget_with_room_makes_no_list(KvDtype dtype) {
  Shape shape = grouped_shape(dtype, 0);
  Text text;
  text.length = 330;
  text.prompt = 280;
  HeadPlan plan;
  plan.rule = Rule::kTopK;
  plan.scorer = Scorer::kKeyBounds;
  plan.window_tokens = 1;
  plan.unit_tokens = 64;
  plan.budget_tokens = 300;
  text.prefill = text.decode = {plan};
  const World world(shape, {{0, text.length}}, 3);
  const auto lists_of = [&](int begin, int end) {
    KvPool pool = pool_of(world);
    Runner runner(world, 5, pool.view());
    Text dense = text;
    dense.has_policy = false;
    if (begin > 0) computed(runner, shape, {dense}, {{begin}}, 1);
    const Counting counting;
    runner.selector = &counting;
    runner.policies = {under(compiled(shape, text), 0, text.prompt)};
    runner.run({begin}, {end}, 1);
    return counting.lists;
  };
  // 5 units of 64: 320 tokens, of which blocks of a prompt fill 256.
  expect(lists_of(0, 256) == 0, "a prompt within the budget has no list " + name_of(shape), 0, 0);
  expect(lists_of(256, 280) == 1, "a block of a prompt beyond it has one " + name_of(shape), 0, 0);
  expect(lists_of(280, 320) == 0, "tokens within the budget have no list " + name_of(shape), 0, 0);
  expect(lists_of(320, 330) == 10, "tokens beyond it have one each " + name_of(shape), 0, 0);
}

/** What a masked step reads is what some query of it sees, also where it has a part of a cut alone. */
void bytes_are_of_what_is_seen(KvDtype dtype) {
  const Shape shape = grouped_shape(dtype, 0);
  const World world(shape, {{0, 300}}, 3);
  for (const int sink : {0, 20}) {
    const HeadPlan plan = mask_plan(sink, 30);
    Runner runner(world, 5);
    runner.policies = {under(policy_of(shape, {plan}, {plan}), 0, 250)};
    int from = 0;
    for (const int to : {50, 100, 120, 250, 251, 300}) {
      std::set<int> pages;
      for (int position = from; position < to; ++position) {
        for (int key = 0; key <= position; ++key) {
          if (key < sink || position - key < 30) pages.insert(key / kPageTokens);
        }
      }
      runner.run({from}, {to}, 1);
      const double read = static_cast<double>(runner.report.kv_read_bytes / slice_bytes(shape.dtype, shape.head_dim));
      expect(read == static_cast<double>(pages.size()), "bytes are those of what is seen " + name_of(shape), read, static_cast<double>(pages.size()));
      from = to;
    }
  }
}

void test_faults(KvDtype dtype) {
  uint32_t seed = 0;
  for (const Kind prefill : kPrefillKinds) faults_are_not_lost(dtype, prefill, Kind::kDense, ++seed);
  for (const Kind decode : kDecodeKinds) {
    // The sums behind a summary have the fault of every key that is dropped; here nothing is.
    faults_are_not_lost(dtype, Kind::kDense, decode, ++seed);
  }
}

void test_rules() {
  // The scalar level is slow, and one path.
  const bool slow = level_under_test == "scalar";
  const int longest = slow ? 140 : 560;
  const uint32_t rounds = slow ? 3 : 10;
  for (const KvDtype dtype : kKvDtypes) {
    if (kernels_under_test(dtype) == nullptr) continue;
    for (uint32_t seed = 1; seed <= rounds; ++seed) {
      leaving_nothing_out_is_dense(dtype, longest, seed);
      lists_are_what_is_attended_to(dtype, longest, 100 + seed);
      nothing_else_changes_a_bit(dtype, longest, 200 + seed);
      skipping_loses_no_more_than_its_share(dtype, longest, 300 + seed);
    }
    a_text_of_one_token_is_dense(dtype, 400);
    a_budget_with_room_makes_no_list(dtype);
    bytes_are_of_what_is_seen(dtype);
    if (!slow) test_faults(dtype);
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
