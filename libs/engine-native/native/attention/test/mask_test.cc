// Tests of what policies mask: sinks and windows exact to the token, lists of tokens, and key blocks that cannot matter; for
// every KV type at every level that this processor runs.
#include "../../fault.h"
#include "checks.h"
#include "policies.h"
#include "reference.h"

namespace longhaul::test {
namespace {

Shape two_heads(KvDtype dtype, int window) {
  Shape shape = grouped_shape(dtype, window);
  shape.heads = 4;
  shape.kv_heads = 2;
  return shape;
}

bool in_mask(const HeadPlan& plan, int position, int key) {
  return key < plan.sink_tokens || position - key < plan.window_tokens;
}

/** Prefill and decode of a batch, with one mask for each KV head and other ones in decode, against the definition. */
void masks_are_exact_to_the_token(KvDtype dtype, int window) {
  const Shape shape = two_heads(dtype, window);
  const World world(shape, {{700, 1}, {150, 140}, {0, 70}, {290, 5}}, 7);
  const std::vector<int> decode_from{700, 280, 1000, 290};
  for (const auto& [first, second] : {std::pair{mask_plan(0, 1), mask_plan(33, 129)}, std::pair{mask_plan(130, 7), mask_plan(5, 300)}}) {
    const auto policy = policy_of(shape, {first, second}, {second, first});
    Reference reference(world);
    reference.sees = [&](int sequence, int head, int position, int key) {
      if (sequence == 2) return true;
      const bool decodes = position >= decode_from[static_cast<size_t>(sequence)];
      return in_mask((head == 0) == decodes ? second : first, position, key);
    };
    Runner runner(world, 7);
    for (const int sequence : {0, 1, 3}) runner.policies.push_back(under(policy, sequence, decode_from[static_cast<size_t>(sequence)]));
    const double error = relative_error(runner.run_all(256, 2), reference.fresh_outputs());
    expect_below(error, tolerance(shape), "a mask is exact to the token " + name_of(shape) + std::to_string(first.window_tokens));
  }
}

/** A window beyond the sequence, whatever the sinks, costs no bit. */
void a_wide_window_is_dense(KvDtype dtype, int window) {
  const Shape shape = two_heads(dtype, window);
  const World world(shape, {{2100, 2}, {40, 100}}, 9);
  Runner dense(world, 3), masked(world, 3);
  const std::vector<float> expected = dense.run_all(256, 2);
  for (const int sink : {0, 20}) {
    const auto policy = policy_of(shape, {mask_plan(sink, 2400)}, {dense_plan(), mask_plan(sink, attention::kUnbounded)});
    masked.policies = {under(policy, 0, 2101), under(policy, 1, 100)};
    expect(same_bits(masked.run_all(256, 2), expected), "a window beyond the sequence is dense " + name_of(shape), sink, 0);
  }
}

/** The same bits however the tokens come: the cut is by position. */
void chunks_change_no_bit(KvDtype dtype, int window, float skip_softmax) {
  const Shape shape = two_heads(dtype, window);
  constexpr int kEnd = 420;
  const World world(shape, {{0, kEnd}}, 11);
  HeadPlan late = mask_plan(40, 90);
  late.dense_below = 200;
  const auto policy = policy_of(shape, {mask_plan(5, 100), late}, {mask_plan(20, 37), mask_plan(0, 200)}, skip_softmax);
  std::vector<float> expected;
  for (const int chunk : {kEnd, 1, 17, 128}) {
    Runner runner(world, static_cast<uint32_t>(chunk));
    runner.policies = {under(policy, 0, 333)};
    // One by one only where prefill ends: steps of one token are many.
    std::vector<float> all = in_chunks_of(runner, 0, 320, std::max(chunk, 16));
    for (const auto& [from, to] : {std::pair{320, 345}, std::pair{345, kEnd}}) {
      const std::vector<float> part = in_chunks_of(runner, from, to, to == kEnd ? std::max(chunk, 16) : chunk);
      all.insert(all.end(), part.begin(), part.end());
    }
    if (expected.empty()) expected = all;
    expect(same_bits(all, expected), "chunks change no bit under a mask " + name_of(shape), chunk, skip_softmax);
  }
}

/** A sequence alone, and between others with policies of their own and without. */
void neighbours_change_no_bit(KvDtype dtype, float skip_softmax) {
  const Shape shape = two_heads(dtype, 0);
  const World world(shape, {{2100, 3}, {300, 1}, {37, 100}}, 13);
  const auto policy = policy_of(shape, {mask_plan(5, 100)}, {mask_plan(20, 37), mask_plan(0, 2000)}, skip_softmax);
  Runner together(world, 3);
  together.policies = {under(policy, 0, 2101), under(policy, 2, 100)};
  const std::vector<float> all = together.run_all(256, 3);
  const size_t row = static_cast<size_t>(shape.heads) * static_cast<size_t>(shape.head_dim);
  const std::vector<std::pair<size_t, size_t>> rows{{0, 3}, {3, 4}, {4, 104}};
  for (size_t b = 0; b < 3; ++b) {
    World alone(shape, {world.sequences[b]}, 13);
    alone.qkv[0] = world.qkv[b];
    alone.rope[0] = world.rope[b];
    alone.q_norm = world.q_norm, alone.k_norm = world.k_norm, alone.sinks = world.sinks;
    Runner runner(alone, 99);
    if (b == 0) runner.policies = {under(policy, 0, 2101)};
    if (b == 2) runner.policies = {under(policy, 0, 100)};
    const std::vector<float> part(all.begin() + static_cast<ptrdiff_t>(rows[b].first * row), all.begin() + static_cast<ptrdiff_t>(rows[b].second * row));
    expect(same_bits(runner.run_all(300, 1), part), "neighbours change no bit under a mask " + name_of(shape), static_cast<double>(b), skip_softmax);
  }
}

/** Keeps a token where its number, mixed, leaves no remainder, and the newest always. */
struct SomeTokens : Selector {
  explicit SomeTokens(uint32_t one_in) : one_in(one_in) {}
  bool keeps(int kv_head, int key) const { return one_in == 1 || (static_cast<uint32_t>(key * 2 + kv_head) * 2654435761u >> 7) % one_in == 0; }
  void select(const AttentionProblem&, const QueryBlock& block, Selection& selection) const override {
    for (int page = block.visible.begin; page < block.visible.end; ++page) {
      unsigned bits = 0;
      for (int t = 0; t < kPageTokens; ++t) bits |= (keeps(block.kv_head, page * kPageTokens + t) ? 1u : 0u) << t;
      if (bits == 0) continue;
      selection.pages.push_back(page);
      selection.tokens.push_back(static_cast<uint16_t>(bits));
    }
  }
  uint32_t one_in;
};

/** Lists of tokens are attention over just those; a list of all tokens costs no bit. */
void lists_of_tokens_equal_the_reference(KvDtype dtype, int window) {
  const Shape shape = two_heads(dtype, window);
  const World world(shape, {{700, 1}, {2090, 2}, {100, 40}}, 17);
  for (const uint32_t one_in : {1u, 9u}) {
    const SomeTokens some(one_in);
    Reference reference(world);
    reference.sees = [&](int, int head, int, int key) { return some.keeps(head, key); };
    Runner runner(world, 17);
    runner.selector = &some;
    const std::vector<float> outputs = runner.run_all(256, 2);
    expect_below(relative_error(outputs, reference.fresh_outputs()), tolerance(shape), "listed tokens equal the reference " + name_of(shape));
    Runner dense(world, 17);
    if (one_in == 1 && window == 0) expect(same_bits(outputs, dense.run_all(256, 2)), "all tokens give the bits of dense " + name_of(shape), 0, 0);
  }
}

/** A world whose first keys have all the attention, and the others, 20 below them in logits, values that would show. */
World planted(const Shape& shape, int length, int fresh) {
  World world(shape, {{length - fresh, fresh}}, 19);
  const size_t dim = static_cast<size_t>(shape.head_dim), row = static_cast<size_t>(world.row_floats());
  for (size_t token = 0; token < static_cast<size_t>(length); ++token) {
    float* x = world.qkv[0].data() + token * row;
    for (int head = 0; head < shape.heads; ++head) std::fill_n(x + static_cast<size_t>(head) * dim, dim, head == 0 ? 1.0f : 0.5f);
    for (int head = 0; head < shape.kv_heads; ++head) {
      std::fill_n(x + static_cast<size_t>(shape.heads + head) * dim, dim, token < 16 ? 40.0f / std::sqrt(static_cast<float>(dim)) : 0.0f);
      float* value = x + static_cast<size_t>(shape.heads + shape.kv_heads + head) * dim;
      if (token >= 256) for (size_t d = 0; d < dim; ++d) value[d] *= 1e8f;
    }
  }
  return world;
}

void what_cannot_matter_is_skipped(KvDtype dtype) {
  Shape shape = two_heads(dtype, 0);
  shape.rope_dim = 0;
  const World world = planted(shape, 600, 20);
  Reference first_keys(world);
  first_keys.sees = [](int, int, int, int key) { return key < 16; };
  const auto outputs = [&](float skip_softmax) {
    Runner runner(world, 21);
    runner.policies = {under(policy_of(shape, {dense_plan()}, {dense_plan()}, skip_softmax), 0, 590)};
    return runner.run_all(256, 2);
  };
  Runner dense(world, 21);
  expect(same_bits(outputs(0.0f), dense.run_all(256, 2)), "no threshold is dense " + name_of(shape), 0, 0);
  expect_below(relative_error(outputs(15.0f), first_keys.fresh_outputs()), 2 * tolerance(shape), "what cannot matter is skipped " + name_of(shape));
  expect(same_bits(outputs(50.0f), dense.run_all(256, 2)), "what may matter is not skipped " + name_of(shape), 0, 0);
}

/** A fault of a query, a key or a value, in any slot of a page, comes out where it is seen, whatever may be skipped. */
void faults_are_not_skipped(KvDtype dtype) {
  const Shape shape = grouped_shape(dtype, 0);
  const auto policy = policy_of(shape, {dense_plan()}, {dense_plan()}, 2.0f);
  const size_t row = static_cast<size_t>(shape.heads * shape.head_dim);
  const int key = shape.heads * shape.head_dim, value = (shape.heads + shape.kv_heads) * shape.head_dim;
  for (const int offset : {0, key, value}) {
    for (const int faulty : {45, 47, 48}) {
      World world(shape, {{40, 20}}, 71);
      world.qkv[0][static_cast<size_t>(faulty * world.row_floats() + offset)] = std::numeric_limits<float>::quiet_NaN();
      Runner runner(world, 15);
      runner.policies = {under(policy, 0, 1000)};
      const std::vector<float> all = runner.run_all(64, 1);
      bool seen = true;
      for (int at = faulty; at < (offset == 0 ? faulty + 1 : 60); ++at) {
        seen = seen && !std::isfinite(all[static_cast<size_t>(at - 40) * row]);
      }
      expect(seen, "a fault is not skipped " + name_of(shape), offset, faulty);
    }
  }
}

void test_rules() {
  for (const KvDtype dtype : kKvDtypes) {
    if (kernels_under_test(dtype) == nullptr) continue;
    // The scalar level is slow, and one path.
    const bool slow = level_under_test == "scalar";
    for (const int window : slow ? std::vector<int>{50} : std::vector<int>{0, 50}) {
      masks_are_exact_to_the_token(dtype, window);
      lists_of_tokens_equal_the_reference(dtype, window);
      a_wide_window_is_dense(dtype, window);
      chunks_change_no_bit(dtype, window, 0.0f);
    }
    chunks_change_no_bit(dtype, 0, 2.0f);
    if (!slow) neighbours_change_no_bit(dtype, 0.0f);
    neighbours_change_no_bit(dtype, 2.0f);
    what_cannot_matter_is_skipped(dtype);
    faults_are_not_skipped(dtype);
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
