// Tests of the attention kernels against a double-precision reference, at every level this processor runs. From this
// folder:
//   g++ -std=gnu++20 -O3 -pthread ../*.cc attention_test.cc -o attention_test && ./attention_test
// With -DLONGHAUL_EMULATE_AVX512 -Wno-psabi the AVX-512 kernels run in plain loops on any processor (slower).
// Tolerances are relative L2 errors over a whole batch.
#include <algorithm>
#include <cstdio>
#include <map>
#include <mutex>
#include <stdexcept>

#include "../../fault.h"
#include "reference.h"

namespace longhaul::test {
namespace {

/** f32 pool: rounding of sums, of 2^x and of tanh. */
constexpr double kF32Tolerance = 1e-5;
/** bf16 pool, f32 arithmetic: keys whose rounding flips between the f32 kernel and the double reference. */
constexpr double kBf16WideTolerance = 1e-3;
/** bf16 pool, bf16 queries and probabilities; queries add an error to logits that grows with their size. */
constexpr double kBf16Tolerance = 5e-3;
/** int8 pool: queries and probabilities in bytes. */
constexpr double kInt8Tolerance = 1.2e-2;
/** The same beside unquantised keys and values, with a channel of keys or values 100 times the others. */
constexpr double kMassiveTolerance = 0.05;
/** Levels of an int8 pool between each other: the integers are equal, sums of floats are not. */
constexpr double kInt8LevelTolerance = 1e-4;
/** Softmax sharpened on purpose. */
constexpr double kSharpFactor = 6.0;

int passed = 0;
int failed = 0;
/** Largest error seen, by level and KV type. */
std::map<std::string, double> worst;

void expect(bool good, const std::string& rule, double value, double bound) {
  ++(good ? passed : failed);
  if (!good) std::printf("FAILED %s: %g, bound %g\n", rule.c_str(), value, bound);
}

void expect_below(double value, double bound, const std::string& rule) { expect(value <= bound, rule, value, bound); }

std::string name_of(const Shape& s) {
  char text[200];
  std::snprintf(text, sizeof text, "[%s %s h%d/%d d%d w%d cap%g sink%d norm%d rope%d x%g]", level_under_test.c_str(),
                traits_of(s.dtype).name, s.heads, s.kv_heads, s.head_dim, s.window, s.softcap, s.sinks,
                s.norms, s.rope_dim, s.spread);
  return text;
}

double tolerance(const Shape& s) {
  const double sharp = s.spread > 1.0f ? kSharpFactor : 1.0;
  if (s.dtype == KvDtype::kF32) return kF32Tolerance * sharp;
  if (s.dtype == KvDtype::kInt8) return kInt8Tolerance * sharp;
  return sharp * (level_under_test == "avx512bf16" ? kBf16Tolerance : kBf16WideTolerance);
}

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


/** Names of all levels of all KV types that run here. */
std::vector<std::string> available_levels() {
  std::vector<std::string> levels;
  for (const KvDtype dtype : kKvDtypes) {
    for (const AttentionCandidate& candidate : attention_candidates(dtype)) {
      const bool known = std::find(levels.begin(), levels.end(), candidate.level) != levels.end();
      if (candidate.supported() && !known) levels.push_back(candidate.level);
      if (!candidate.supported()) std::printf("skipped level %s (%s): not on this processor\n", candidate.level, traits_of(dtype).name);
    }
  }
  return levels;
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

/** Leaves pages out, the same for all blocks, and notes what it is told of. */
class SomePages : public Selector {
 public:
  /** Keeps a page where its number, its head's and its sequence's, mixed, leave no remainder; 1 keeps all. */
  explicit SomePages(uint32_t one_in) : one_in_(one_in) {}

  bool keeps(int sequence, int kv_head, int page) const {
    uint32_t mixed = static_cast<uint32_t>(sequence * 7919 + kv_head * 104729 + page) * 2654435761u;
    mixed ^= mixed >> 15;
    return one_in_ == 1 || mixed % one_in_ == 0;
  }

  void appended(const AttentionProblem&, const PageAppend& append) const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    int& slots = slots_[{append.sequence, append.logical}];
    in_order_ = in_order_ && append.slot == slots && slots + append.tokens <= kPageTokens;
    slots += append.tokens;
  }

  void select(const AttentionProblem&, const QueryBlock& block, std::vector<int32_t>& pages) const override {
    for (int entry = block.visible.begin; entry < block.visible.end; ++entry) {
      if (keeps(block.sequence, block.kv_head, block.visible.at(entry))) pages.push_back(block.visible.at(entry));
    }
  }

  /** Whether every token was told of, once and in order. */
  bool knows_all(const World& world) const {
    size_t pages = 0;
    for (size_t b = 0; b < world.sequences.size(); ++b) {
      const int length = world.sequences[b].past + world.sequences[b].fresh;
      for (int first = 0; first < length; first += kPageTokens, ++pages) {
        const auto found = slots_.find({static_cast<int>(b), first / kPageTokens});
        if (found == slots_.end() || found->second != std::min(kPageTokens, length - first)) return false;
      }
    }
    return in_order_ && pages == slots_.size();
  }

 private:
  const uint32_t one_in_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<int, int>, int> slots_;
  mutable bool in_order_ = true;
};

/** Attention over lists of pages with gaps is attention over just those keys, in decode and in prefill. */
void selected_pages_equal_the_reference(const Shape& shape, uint32_t seed) {
  const World world(shape, {{700, 1}, {3100, 3}, {100, 90}, {0, 40}}, seed);
  for (const uint32_t one_in : {2u, 9u, 1000u}) {
    const SomePages some(one_in);
    Reference reference(world);
    reference.looks_at = [&](int sequence, int kv_head, int page) { return some.keeps(sequence, kv_head, page); };
    Runner runner(world, seed);
    runner.selector = &some;
    const double error = relative_error(runner.run_all(256, 2), reference.fresh_outputs());
    expect_below(error, tolerance(shape), "selected pages equal the reference " + name_of(shape) + std::to_string(one_in));
    expect(some.knows_all(world), "a selector is told of every token once " + name_of(shape), 0, 0);
  }
}

/** A selector that takes everything costs no bit. */
void all_pages_equal_dense(const Shape& shape) {
  const World world(shape, {{2300, 2}, {40, 70}}, 91);
  Runner dense(world, 3), listed(world, 3);
  const SomePages all(1);
  listed.selector = &all;
  expect(dense.run_all(256, 2) == listed.run_all(256, 2), "all pages give the bits of dense " + name_of(shape), 0, 0);
}

/** Lists that are none are refused before anything is computed with them. */
void wrong_lists_are_refused() {
  struct Wrong : Selector {
    std::vector<int32_t> pages;
    explicit Wrong(std::vector<int32_t> list) : pages(std::move(list)) {}
    void select(const AttentionProblem&, const QueryBlock&, std::vector<int32_t>& to) const override { to = pages; }
  };
  const World world(Shape{}, {{40, 1}}, 95);
  for (const std::vector<int32_t>& list : {std::vector<int32_t>{1, 0}, {0, 0}, {-1}, {3}}) {
    Runner runner(world, 3);
    const Wrong wrong(list);
    runner.selector = &wrong;
    bool refused = false;
    try {
      runner.run({0}, {41}, 1);
    } catch (const Fault& fault) {
      refused = fault.field == "selector";
    }
    expect(refused, "a wrong list is refused", list.front(), 0);
  }
}

/** One channel of keys, or of values, 100 times the others: the attention that unquantised KV gives, nearly. */
void massive_channels_stay_faithful(const Shape& shape) {
  for (const bool of_keys : {true, false}) {
    World world(shape, {{600, 20}}, 61);
    const int first = (shape.heads + (of_keys ? 0 : shape.kv_heads)) * shape.head_dim;
    for (size_t at = 0; at < world.qkv[0].size(); at += static_cast<size_t>(world.row_floats()))
      world.qkv[0][at + static_cast<size_t>(first) + 5] *= 100.0f;
    Runner runner(world, 13);
    const double error = relative_error(runner.run_all(256, 2), Reference(world, KvDtype::kF32).fresh_outputs());
    expect_below(error, kMassiveTolerance,
                 std::string(of_keys ? "keys" : "values") + " with a massive channel stay faithful " + name_of(shape));
  }
}

/** A key or a value that is no number, or with one scale for all of it an infinite one, makes what attends to it NaN. */
void faults_are_not_swallowed(const Shape& shape, float fault) {
  for (const int offset : {shape.heads * shape.head_dim, (shape.heads + shape.kv_heads) * shape.head_dim}) {
    World world(shape, {{40, 20}}, 71);
    world.qkv[0][static_cast<size_t>(45 * world.row_floats() + offset)] = fault;
    Runner runner(world, 15);
    const std::vector<float> all = runner.run_all(64, 1);
    const size_t row = static_cast<size_t>(shape.heads) * shape.head_dim;
    bool spread = true;
    for (size_t token = 5; token < 20; ++token) spread = spread && !std::isfinite(all[token * row]);
    expect(spread, "what is not finite is not swallowed " + name_of(shape), 0, 0);
  }
}

/** All levels of an int8 pool compute with the same integers. */
void int8_levels_agree(const std::vector<std::string>& levels) {
  Shape shape;
  shape.dtype = KvDtype::kInt8;
  for (const int head_dim : {64, 80, 128}) {
    shape.head_dim = head_dim;
    const World world(shape, {{700, 3}, {20, 60}}, 81);
    std::vector<double> expected;
    for (const std::string& level : levels) {
      level_under_test = level;
      if (kernels_under_test(shape.dtype) == nullptr) continue;
      const std::vector<float> actual = Runner(world, 17).run_all(256, 2);
      if (expected.empty()) expected.assign(actual.begin(), actual.end());
      expect_below(relative_error(actual, expected), kInt8LevelTolerance, "levels agree " + name_of(shape));
    }
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
  Shape shape;
  shape.heads = 7;
  shape.kv_heads = 1;
  shape.rope_dim = 64;
  for (const KvDtype dtype : kKvDtypes) {
    if (kernels_under_test(dtype) == nullptr) continue;
    for (const int window : {0, 50}) {
      shape.dtype = dtype;
      shape.window = window;
      chunking_changes_nothing(shape, 0, 400);
      // Across the end of a split.
      if (level_under_test != "scalar") chunking_changes_nothing(shape, 1900, 2110);
      neighbours_never_matter(shape);
      skipped_sequences_are_left_alone(shape);
      verification_equals_decode(shape);
      rolled_back_tokens_do_not_count(shape);
      if (level_under_test != "scalar" || window > 0) selected_pages_equal_the_reference(shape, 100);
    }
    shape.window = 0;
    faults_are_not_swallowed(shape, std::numeric_limits<float>::quiet_NaN());
    all_pages_equal_dense(shape);
    if (dtype == KvDtype::kInt8) {
      faults_are_not_swallowed(shape, std::numeric_limits<float>::infinity());
      massive_channels_stay_faithful(shape);
    }
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
  test::int8_levels_agree(levels);
  test::wrong_lists_are_refused();
  test::faults_are_named();
  for (const auto& [kernels, error] : test::worst) std::printf("%-16s largest relative error %.1e\n", kernels.c_str(), error);
  std::printf("%d passed, %d failed\n", test::passed, test::failed);
  return test::failed == 0 ? 0 : 1;
}
