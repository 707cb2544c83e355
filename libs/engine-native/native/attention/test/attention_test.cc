// Tests of the attention kernels against a double-precision reference, at every level this processor runs. From this
// folder:
//   g++ -std=gnu++20 -O3 -pthread ../*.cc attention_test.cc -o attention_test && ./attention_test
// With -DLONGHAUL_EMULATE_AVX512 -Wno-psabi the AVX-512 kernels run in plain loops on any processor (slower).
// Lists of pages: selector_test.cc. What only int8 promises: int8_test.cc.
#include <algorithm>
#include <map>

#include "checks.h"
#include "reference.h"

namespace longhaul::test {
namespace {

/** Largest error seen, by level and KV type. */
std::map<std::string, double> worst;

Shape random_shape(std::mt19937& random) {
  const auto pick = [&](std::initializer_list<int> from) {
    return *(from.begin() + std::uniform_int_distribution<size_t>(0, from.size() - 1)(random));
  };
  Shape s;
  s.kv_heads = pick({1, 2, 3});
  s.heads = s.kv_heads * pick({1, 2, 3, 4, 5, 6, 7, 8, 9, 13});
  s.head_dim = pick({32, 48, 64, 64, 80, 96, 112, 128, 160, 208, 256});
  s.dtype = kKvDtypes[pick({0, 1, 2})];
  s.window = pick({0, 0, 1, 7, 16, 100, 333});
  s.softcap = static_cast<float>(pick({0, 0, 3, 50}));
  s.sinks = pick({0, 0, 1}) != 0;
  s.norms = pick({0, 1}) != 0;
  s.rope_dim = pick({0, 1, 2}) * (s.head_dim / 2);
  s.spread = pick({0, 0, 0, 1}) != 0 ? 2.0f : 1.0f;
  return s;
}

std::vector<Sequence> random_batch(std::mt19937& random) {
  const auto below = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  std::vector<Sequence> batch(static_cast<size_t>(1 + below(4)));
  for (Sequence& sequence : batch) {
    const int kind = below(4);
    sequence.past = kind == 0 ? 0 : below(kind == 1 ? 1500 : 300);
    const int fresh = below(3);
    sequence.fresh = fresh == 0 ? 1 : fresh == 1 ? 1 + below(17) : 17 + below(120);
  }
  return batch;
}

void random_batches_equal_the_reference(const std::vector<std::string>& levels, uint32_t seed) {
  std::mt19937 random(seed);
  const Shape shape = random_shape(random);
  const World world(shape, random_batch(random), seed);
  const std::vector<double> expected = Reference(world).fresh_outputs();
  const int chunk = 64 + static_cast<int>(random() % 200);
  for (const std::string& level : levels) {
    level_under_test = level;
    if (kernels_under_test(shape.dtype) == nullptr) continue;
    Runner runner(world, seed);
    const double error = relative_error(runner.run_all(chunk, 1 + static_cast<int>(seed % 3)), expected);
    double& largest = worst[level + " " + traits_of(shape.dtype).name];
    largest = std::max(largest, error);
    expect_below(error, tolerance(shape), "a ragged batch equals the reference " + name_of(shape) + std::to_string(seed));
  }
}

std::vector<float> in_chunks(Runner& runner, int from, int to, int chunk) {
  std::vector<float> all;
  for (; from < to; from += chunk) {
    const std::vector<float> part = runner.run({from}, {std::min(to, from + chunk)}, 2);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

/** Tokens [begin, end) come in chunks of another size each time, decode steps and prefill tiles alike: same bits. */
void chunking_changes_nothing(const Shape& shape, int begin, int end) {
  const World world(shape, {{0, end}}, 5);
  std::vector<float> expected;
  for (const int chunk : {end, 1, 7, 16, 17, 64, 129}) {
    Runner runner(world, static_cast<uint32_t>(chunk));
    if (begin > 0) in_chunks(runner, 0, begin, begin);
    const std::vector<float> all = in_chunks(runner, begin, end, chunk);
    if (expected.empty()) expected = all;
    const bool same = all.size() == expected.size() &&
                      std::memcmp(all.data(), expected.data(), all.size() * sizeof(float)) == 0;
    expect(same, "chunks of " + std::to_string(chunk) + " change nothing " + name_of(shape), 0, 0);
  }
}

/** Decode and verification of sequences alone, and with neighbours, threads and other pages. */
void neighbours_never_matter(const Shape& shape) {
  const std::vector<Sequence> batch{{1300, 1}, {37, 5}, {0, 90}, {2100, 3}, {15, 1}};
  const World world(shape, batch, 11);
  Runner together(world, 3);
  const std::vector<float> all = together.run_all(256, 3);
  size_t offset = 0;
  for (size_t b = 0; b < batch.size(); ++b) {
    World alone(shape, {batch[b]}, 11);
    alone.qkv[0] = world.qkv[b];
    alone.rope[0] = world.rope[b];
    Runner runner(alone, 8);
    const std::vector<float> own = runner.run_all(256, 1);
    const bool same = std::equal(own.begin(), own.end(), all.begin() + static_cast<ptrdiff_t>(offset));
    expect(same, "a sequence gets the same bits alone as in a batch " + name_of(shape), static_cast<double>(b), 0);
    offset += own.size();
  }
}

/** A sequence that is left out is neither read (its pages are NaN here) nor written, and costs its neighbours no bit. */
void skipped_sequences_are_left_alone(const Shape& shape) {
  const World world(shape, {{1300, 1}, {37, 20}, {0, 90}}, 51);
  Runner complete(world, 9), skipping(world, 9);
  const std::vector<float> expected = complete.run_all(256, 2);
  skipping.skipped = {0, 1, 0};
  const std::vector<float> actual = skipping.run_all(256, 2);
  const size_t row = static_cast<size_t>(shape.heads) * shape.head_dim, begin = row, end = row + 20 * row;
  const auto equal = [&](size_t from, size_t to) {
    return std::memcmp(actual.data() + from, expected.data() + from, (to - from) * sizeof(float)) == 0;
  };
  expect(equal(0, begin) && equal(end, actual.size()), "who is not skipped gets the same bits " + name_of(shape), 0, 0);
  expect(std::all_of(actual.begin() + begin, actual.begin() + end, [](float x) { return x == 0.0f; }),
         "a skipped sequence gets zeros " + name_of(shape), 0, 0);
  const std::vector<std::byte> before = skipping.memory();
  skipping.run({1301, 37, 90}, {1301, 57, 90}, 2);
  expect(skipping.memory() == before, "a skipped sequence appends nothing " + name_of(shape), 0, 0);
}

/** Verification of draft tokens gives the bits that decoding them one by one gives. */
void verification_equals_decode(const Shape& shape) {
  const World world(shape, {{1500, 8}}, 21);
  Runner once(world, 2);
  const std::vector<float> together = once.run_all(300, 2);
  Runner single(world, 4);
  single.run({0}, {300}, 1);
  for (int from = 300; from < 1500; from += 300) single.run({from}, {from + 300}, 1);
  std::vector<float> apart;
  for (int position = 1500; position < 1508; ++position) {
    const std::vector<float> one = single.run({position}, {position + 1}, 1);
    apart.insert(apart.end(), one.begin(), one.end());
  }
  expect(together == apart, "verification equals decode bit for bit " + name_of(shape), 0, 0);
}

/** Tokens of a rejected draft stay in the pool behind the end of the sequence and must not count. */
void rolled_back_tokens_do_not_count(const Shape& shape) {
  const World world(shape, {{200, 4}}, 31);
  World wrong(shape, {{200, 20}}, 32);
  std::copy(world.qkv[0].begin(), world.qkv[0].begin() + 200 * world.row_floats(), wrong.qkv[0].begin());
  std::copy(world.rope[0].begin(), world.rope[0].begin() + 200 * shape.rope_dim, wrong.rope[0].begin());
  for (size_t i = static_cast<size_t>(200 * world.row_floats()); i < wrong.qkv[0].size(); ++i) wrong.qkv[0][i] *= 100.0f;
  Runner runner(wrong, 6);
  runner.run({0}, {200}, 1);
  runner.run({200}, {220}, 1);
  wrong.qkv[0] = world.qkv[0];
  wrong.rope[0] = world.rope[0];
  const std::vector<float> actual = runner.run({200}, {204}, 1);
  const double error = relative_error(actual, Reference(world).fresh_outputs());
  expect_below(error, tolerance(shape), "rolled back tokens do not count " + name_of(shape));
}

/** Errors must not grow with the number of key blocks. */
void long_contexts_stay_exact(Shape shape) {
  for (const int fresh : {1, 20}) {
    const World world(shape, {{12000, fresh}}, 41);
    Runner runner(world, 7);
    const double error = relative_error(runner.run_all(4096, 2), Reference(world).fresh_outputs());
    const double bound = shape.dtype == KvDtype::kBf16 ? tolerance(shape) / 2 : tolerance(shape);
    expect_below(error, bound, "a long context stays exact " + name_of(shape) + std::to_string(fresh));
  }
}

void faults_are_named() {
  const int32_t starts[] = {0, 20};
  const int32_t past[] = {0};
  const int32_t table[] = {0, 7};
  std::byte memory[64];
  float floats[1];
  AttentionProblem p;
  p.heads = 4, p.kv_heads = 2, p.head_dim = 64, p.batch = 1;
  p.qkv = floats, p.out = floats;
  p.cu_seqlens = starts, p.past_lens = past, p.block_table = table, p.block_table_width = 2;
  const FlatPool pool(memory, KvDtype::kBf16, 1, 8, 2, 64);
  p.pool = pool.view();
  const auto fault = [](const AttentionProblem& problem, const char* word) {
    const char* text = find_fault(problem);
    return word == nullptr ? text == nullptr : text != nullptr && std::strstr(text, word) != nullptr;
  };
  const auto changed = [&](auto change, const char* word) {
    AttentionProblem other = p;
    change(other);
    expect(fault(other, word), std::string("a fault is named: ") + (word == nullptr ? "none" : word), 0, 0);
  };
  changed([](AttentionProblem&) {}, nullptr);
  changed([](AttentionProblem& q) { q.head_dim = 40; }, "head_dim");
  changed([](AttentionProblem& q) { q.kv_heads = 3; }, "kv_heads");
  changed([](AttentionProblem& q) { q.layer = 1; }, "layer");
  changed([](AttentionProblem& q) { q.pool.pages = 7; }, "block_table");
  changed([](AttentionProblem& q) { q.block_table_width = 1; }, "block_table");
  changed([](AttentionProblem& q) { q.window = -1; }, "window");
  changed([](AttentionProblem& q) { q.kernels = attention_candidates(KvDtype::kBf16).front().table; }, nullptr);
  changed([](AttentionProblem& q) { q.kernels = attention_candidates(KvDtype::kBf16)[1].table, q.pool.dtype = KvDtype::kF32; }, "kernels");
  changed([](AttentionProblem& q) { q.qkv = nullptr; }, "qkv");
}

void test_rules() {
  for (const KvDtype dtype : kKvDtypes) {
    if (kernels_under_test(dtype) == nullptr) continue;
    for (const int window : {0, 50}) {
      const Shape shape = grouped_shape(dtype, window);
      chunking_changes_nothing(shape, 0, 400);
      // Across the end of a split.
      if (level_under_test != "scalar") chunking_changes_nothing(shape, 1900, 2110);
      neighbours_never_matter(shape);
      skipped_sequences_are_left_alone(shape);
      verification_equals_decode(shape);
      rolled_back_tokens_do_not_count(shape);
    }
    faults_are_not_swallowed(grouped_shape(dtype, 0), std::numeric_limits<float>::quiet_NaN());
    Shape capped = grouped_shape(dtype, 0);
    capped.softcap = 5.0f;
    faults_are_not_swallowed(capped, std::numeric_limits<float>::quiet_NaN());
    Shape small;
    small.dtype = dtype;
    small.heads = small.kv_heads = 1;
    if (level_under_test != "scalar") long_contexts_stay_exact(small);
  }
}

}  // namespace
}  // namespace longhaul::test

int main() {
  using namespace longhaul;
  const std::vector<std::string> levels = test::available_levels();
  for (const std::string& level : levels) {
    test::level_under_test = level;
    test::test_rules();
  }
  for (uint32_t seed = 1; seed <= 80; ++seed) test::random_batches_equal_the_reference(levels, seed);
  test::faults_are_named();
  for (const auto& [kernels, error] : test::worst) std::printf("%-16s largest relative error %.1e\n", kernels.c_str(), error);
  return test::report();
}
