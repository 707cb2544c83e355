// Measures the kernels beside the limits of the machine that bind them; one JSON object a line, for tools/bench:
//   {"limit": "f32 FMA", "instructions": "vfmadd231ps zmm", "threads": 2, "perSecond": [...]}
//   {"case": "linear prefill ...", "phase": "prefill", "level": "avx512vnni", "threads": 2, "arithmetic": "integer dot",
//    "operations": 1e9, "bytes": 1e6, "rounds": [{"seconds": .., "operationsPerSecond": .., "bytesPerSecond": ..}, ...]}
//   {"share": "share of scores in attention at ...", "level": "avx512vnni", "threads": 1, "shares": [...]}
// The rates of a round are the machine's, measured right before its kernel: what disturbs one disturbs the other.
//   kernel_bench THREADS[,THREADS...] ROUNDS native|avx2 [FILTER]
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernel_case.h"

namespace longhaul::bench {
namespace {

constexpr size_t kReadBytes = size_t{256} << 20;
/** Kernels whose operands stay in the caches are repeated for as long. */
constexpr double kWarmSeconds = 0.01;

struct Options {
  std::vector<int> threads;
  int rounds;
  Machine machine;
  const char* filter;
};

/** Whole-number list "1,2"; empty where it is none. */
std::vector<int> parse_list(const char* text) {
  std::vector<int> values;
  for (const char* at = text; at != nullptr && *at != 0; at = std::strchr(at, ',') ? std::strchr(at, ',') + 1 : nullptr) {
    const int value = std::atoi(at);
    if (value < 1) return {};
    values.push_back(value);
  }
  return values;
}

bool parse(int argc, char** argv, Options& options) {
  if (argc < 4) return false;
  options.threads = parse_list(argv[1]);
  options.rounds = std::atoi(argv[2]);
  options.machine.features = cpu::host_features();
  // Stands in for a processor that has nothing wider.
  if (std::strcmp(argv[3], "avx2") == 0) options.machine.features = cpu::kNeedsAvx2;
  else if (std::strcmp(argv[3], "native") != 0) return false;
  options.filter = argc > 4 ? argv[4] : "";
  return !options.threads.empty() && options.rounds >= 1 && cpu::host_features().contains(options.machine.features);
}

/** The machine's rates, measured anew for each round. */
class Limits {
 public:
  explicit Limits(const Machine& machine) : machine_(machine), memory_(kReadBytes) { std::memset(memory_.base(), 1, memory_.bytes()); }

  double operations(Arithmetic arithmetic, SpinPool& pool) const { return measure_arithmetic(arithmetic, machine_, pool); }
  double bytes(SpinPool& pool) const { return measure_reading({memory_.base(), memory_.bytes()}, pool); }

  void print(SpinPool& pool, int rounds) const {
    for (const Arithmetic a : kArithmetics) {
      if (!machine_.has(a)) continue;
      print_line(arithmetic_name(a), instructions(a, machine_), pool, rounds, [&] { return operations(a, pool); });
    }
    print_line("DRAM read", "loads behind prefetches", pool, rounds, [&] { return bytes(pool); });
  }

 private:
  template <class Measure>
  static void print_line(const char* name, const char* how, SpinPool& pool, int rounds, Measure measure) {
    std::printf("{\"limit\":\"%s\",\"instructions\":\"%s\",\"threads\":%d,\"perSecond\":[", name, how, pool.threads());
    for (int round = 0; round < rounds; ++round) std::printf("%s%.6g", round > 0 ? "," : "", measure());
    std::printf("]}\n");
    std::fflush(stdout);
  }

  Machine machine_;
  Memory memory_;
};

/** Seconds of one run. */
double time_of(Kernel& kernel, SpinPool& pool) {
  const bool warm = kernel.cold().empty();
  if (!warm) evict(kernel.cold(), pool);
  int runs = 0;
  const double start = pool.now();
  double seconds = 0;
  do {
    kernel.run(pool.loop());
    ++runs;
    seconds = pool.now() - start;
  } while (warm && seconds < kWarmSeconds);
  return seconds / runs;
}

void measure(const KernelCase& c, Kernel& kernel, const Limits& limits, SpinPool& pool, int rounds) {
  std::printf("{\"case\":\"%s\",\"phase\":\"%s\",\"level\":\"%s\",\"threads\":%d,\"arithmetic\":\"%s\",\"operations\":%.9g,\"bytes\":%.9g,\"rounds\":[",
              c.name.c_str(), c.phase == Phase::kPrefill ? "prefill" : "decode", c.level.c_str(), pool.threads(),
              arithmetic_name(c.arithmetic), c.operations, c.bytes);
  kernel.run(pool.loop());
  for (int round = 0; round < rounds; ++round) {
    const double operations = limits.operations(c.arithmetic, pool), bytes = limits.bytes(pool);
    std::printf("%s{\"seconds\":%.6g,\"operationsPerSecond\":%.6g,\"bytesPerSecond\":%.6g}", round > 0 ? "," : "",
                time_of(kernel, pool), operations, bytes);
  }
  std::printf("]}\n");
  std::fflush(stdout);
}

void measure(const ShareCase& c, int rounds) {
  const std::unique_ptr<PartialKernel> kernel = c.open();
  SpinPool pool(1);
  kernel->run(pool.loop());
  kernel->take_part_seconds();
  std::printf("{\"share\":\"%s\",\"level\":\"%s\",\"threads\":1,\"shares\":[", c.name.c_str(), c.level.c_str());
  for (int round = 0; round < rounds; ++round) {
    if (!kernel->cold().empty()) evict(kernel->cold(), pool);
    const double start = pool.now();
    kernel->run(pool.loop());
    const double seconds = pool.now() - start;
    std::printf("%s%.6g", round > 0 ? "," : "", kernel->take_part_seconds() / seconds);
  }
  std::printf("]}\n");
  std::fflush(stdout);
}

void run(const Options& options) {
  const Limits limits(options.machine);
  for (const int threads : options.threads) {
    SpinPool pool(threads);
    limits.print(pool, options.rounds);
  }
  for (const auto& cases : {linear_cases(options.machine), attention_cases(options.machine), score_cases(options.machine)})
    for (const KernelCase& c : cases) {
      if (c.name.find(options.filter) == std::string::npos) continue;
      const std::unique_ptr<Kernel> kernel = c.open();
      for (const int threads : options.threads) {
        SpinPool pool(threads);
        measure(c, *kernel, limits, pool, options.rounds);
      }
    }
  for (const ShareCase& c : score_shares(options.machine))
    if (c.name.find(options.filter) != std::string::npos) measure(c, options.rounds);
}

}  // namespace
}  // namespace longhaul::bench

int main(int argc, char** argv) {
  longhaul::bench::Options options;
  if (!longhaul::bench::parse(argc, argv, options)) {
    std::fprintf(stderr, "usage: kernel_bench THREADS[,THREADS...] ROUNDS native|avx2 [FILTER], on a processor with AVX2 or better\n");
    return 2;
  }
  longhaul::bench::run(options);
  return 0;
}
