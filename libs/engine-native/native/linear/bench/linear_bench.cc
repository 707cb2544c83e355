// g++ -std=gnu++20 -O3 -pthread native/linear/bench/linear_bench.cc native/linear/*.cc -o build/linear_bench
// Speed of the linear kernels on one thread, over the layers of a model of Qwen2.5-0.5B's shape.
//   linear_bench [bits] [tokens]
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "../linear.h"

using namespace longhaul::linear;

// CPU time of this thread, so that a busy machine disturbs less.
static double seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

int main(int argc, char** argv) {
  const int bits = argc > 1 ? std::atoi(argv[1]) : 8;
  const int shapes[][2] = {{1152, 896}, {896, 896}, {9728, 896}, {896, 4864}, {32000, 896}};
  const int only = argc > 2 ? std::atoi(argv[2]) : 0;
  std::mt19937 random(1);
  std::printf("%8s %6s %7s %10s %10s\n", "rows", "cols", "tokens", "GOP/s", "GB/s");
  for (auto [rows, cols] : shapes)
    for (int tokens : {1, 4, 512}) {
      if (only && tokens != only) continue;
      PackedWeights w{nullptr, nullptr, rows, cols, bits};
      // Several copies, so that decode reads memory and not the cache.
      const int copies = tokens <= 4 ? int(1 + 256000000 / w.value_bytes()) : 1;
      std::vector<uint8_t> values(w.value_bytes() * copies);
      for (auto& v : values) v = uint8_t(random());
      std::vector<uint16_t> scales(w.scale_count() * copies, 0x2000);
      std::vector<float> x(size_t(tokens) * cols), out(size_t(tokens) * rows);
      for (auto& v : x) v = float(int(random() % 2001) - 1000) / 1000;
      LinearScratch scratch;
      double best = 1e9;
      for (int round = 0; round < 5; round++) {
        const double start = seconds();
        for (int c = 0; c < copies; c++) {
          w.values = values.data() + c * w.value_bytes();
          w.scales = scales.data() + c * w.scale_count();
          LinearProblem p{x.data(), out.data(), nullptr, tokens, w, scratch.reserve(tokens, cols)};
          for (int u = 0; u < quantise_units(p); u++) run_quantise_unit(p, u);
          const MultiplyPlan plan = plan_multiply(p, 2);
          for (int u = 0; u < plan.units(); u++) run_multiply_unit(p, plan, u);
        }
        best = std::min(best, (seconds() - start) / copies);
      }
      std::printf("%8d %6d %7d %10.1f %10.1f\n", rows, cols, tokens, 2e-9 * rows * cols * tokens / best,
                  1e-9 * double(w.value_bytes() + 2 * w.scale_count()) / best);
    }
}
