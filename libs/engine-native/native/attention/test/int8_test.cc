// Tests of what only an int8 pool promises: channels far larger than the others, faults that one scale must not swallow,
// and levels that compute with the same integers.
#include "checks.h"
#include "reference.h"

namespace longhaul::test {
namespace {

/** The same beside unquantised keys and values, with a channel of keys or values 100 times the others. */
constexpr double kMassiveTolerance = 0.05;
/** Levels of an int8 pool between each other: the integers are equal, sums of floats are not. */
constexpr double kInt8LevelTolerance = 1e-4;

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

/** Every other page or so, other ones for each KV head. */
struct SomePages : Selector {
  void select(const AttentionProblem&, const QueryBlock& block, Selection& selection) const override {
    for (int page = block.visible.begin; page < block.visible.end; ++page) {
      if (((page * 2654435761u + static_cast<unsigned>(block.kv_head)) >> 13) % 3 != 0) selection.pages.push_back(page);
    }
  }
};

/** What a batch gets, as the past was cut into chunks of `chunk`. */
std::vector<float> outputs(const World& world, const char* level, int chunk, const Selector* selector) {
  level_under_test = level;
  Runner runner(world, 19);
  runner.selector = selector;
  return runner.run_all(chunk, 2);
}

/** Tiles give the bits that vectors give: the same integers, and the same order of additions between them. */
void tiles_equal_vectors() {
  level_under_test = "amx";
  if (kernels_under_test(KvDtype::kInt8) == nullptr) return;
  const SomePages some;
  int seed = 0;
  for (int head_dim = kMinHeadDim; head_dim <= kMaxHeadDim; head_dim += kHeadDimStep) {
    for (const int group : {1, 5, 7}) {
      Shape shape = grouped_shape(KvDtype::kInt8, seed % 3 == 1 ? 70 : 0);
      shape.kv_heads = 2, shape.heads = 2 * group, shape.head_dim = head_dim, shape.rope_dim = 32;
      shape.softcap = seed % 4 == 3 ? 5.0f : 0.0f;
      shape.sinks = seed % 2 == 0;
      shape.spread = seed % 5 == 4 ? 2.0f : 1.0f;
      const World world(shape, {{group * 41, 130}, {0, 23}, {2070, 9}, {300, 1}, {16, 17}}, static_cast<uint32_t>(++seed));
      for (const Selector* selector : {static_cast<const Selector*>(nullptr), static_cast<const Selector*>(&some)}) {
        const bool same = outputs(world, "avx512vnni", 256, selector) == outputs(world, "amx", 100, selector);
        level_under_test = "amx";
        expect(same, "tiles give the bits of vectors " + name_of(shape), selector != nullptr, 0);
      }
    }
  }
}

void test_rules() {
  if (kernels_under_test(KvDtype::kInt8) == nullptr) return;
  const Shape shape = grouped_shape(KvDtype::kInt8, 0);
  faults_are_not_swallowed(shape, std::numeric_limits<float>::infinity());
  massive_channels_stay_faithful(shape);
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
  test::int8_levels_agree(levels);
  test::tiles_equal_vectors();
  return test::report();
}
