// What the tests of the attention kernels share: counted expectations, tolerances (relative L2 errors over a whole batch)
// and the levels that run here. Test support.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "case.h"

namespace longhaul::test {

/** f32 pool: rounding of sums, of 2^x and of tanh. */
constexpr double kF32Tolerance = 1e-5;
/** bf16 pool, f32 arithmetic: keys whose rounding flips between the f32 kernel and the double reference. */
constexpr double kBf16WideTolerance = 1e-3;
/** bf16 pool, bf16 queries and probabilities; queries add an error to logits that grows with their size. */
constexpr double kBf16Tolerance = 5e-3;
/** int8 pool: queries and probabilities in bytes. */
constexpr double kInt8Tolerance = 1.2e-2;
/** Softmax sharpened on purpose. */
constexpr double kSharpFactor = 6.0;

inline int passed = 0;
inline int failed = 0;

inline void expect(bool good, const std::string& rule, double value, double bound) {
  ++(good ? passed : failed);
  if (!good) std::printf("FAILED %s: %g, bound %g\n", rule.c_str(), value, bound);
}

inline void expect_below(double value, double bound, const std::string& rule) { expect(value <= bound, rule, value, bound); }

inline std::string name_of(const Shape& s) {
  char text[200];
  std::snprintf(text, sizeof text, "[%s %s h%d/%d d%d w%d cap%g sink%d norm%d rope%d x%g]", level_under_test.c_str(),
                traits_of(s.dtype).name, s.heads, s.kv_heads, s.head_dim, s.window, s.softcap, s.sinks,
                s.norms, s.rope_dim, s.spread);
  return text;
}

inline double tolerance(const Shape& s) {
  const double sharp = s.spread > 1.0f ? kSharpFactor : 1.0;
  if (s.dtype == KvDtype::kF32) return kF32Tolerance * sharp;
  if (s.dtype == KvDtype::kInt8) return kInt8Tolerance * sharp;
  const bool rounds_operands = level_under_test == "avx512bf16" || level_under_test == "amx";
  return sharp * (rounds_operands ? kBf16Tolerance : kBf16WideTolerance);
}

/** Names of all levels of all KV types that run here. */
inline std::vector<std::string> available_levels() {
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

/** The shape that rules about order, neighbours and pages are tested with. */
inline Shape grouped_shape(KvDtype dtype, int window) {
  Shape shape;
  shape.heads = 7;
  shape.kv_heads = 1;
  shape.rope_dim = 64;
  shape.dtype = dtype;
  shape.window = window;
  return shape;
}

/** A key or a value that is no number, or with one scale for all of it an infinite one, makes what attends to it NaN. */
inline void faults_are_not_swallowed(const Shape& shape, float fault) {
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

/** Prints what was counted; what main() returns. */
inline int report() {
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace longhaul::test
