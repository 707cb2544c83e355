// Speed of the attention kernels: GFLOP/s of prefill, GB/s of keys and values in decode. From this folder:
//   g++ -std=gnu++20 -O3 -pthread ../*.cc attention_bench.cc -o attention_bench && ./attention_bench [threads] [level]
// Pages are shuffled, and every call uses another layer of a pool larger than the caches. Figures are the best of
// several calls, by wall clock; with one thread by that thread's own CPU time, so that a busy machine disturbs less.
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "../attention.h"

namespace longhaul::bench {
namespace {

/** Waits without giving the core away: threads that yield end up sharing one. */
void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/** Threads that wait spinning, as a compute pool does inside a step. */
class SpinPool {
 public:
  explicit SpinPool(int threads) {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  }
  ~SpinPool() {
    stop_.store(true);
    for (std::thread& worker : workers_) worker.join();
  }
  ParallelFor loop() { return {run, this, static_cast<int>(workers_.size()) + 1}; }

 private:
  static void run(void* context, size_t n, ParallelFor::Body fn, void* user) {
    SpinPool& pool = *static_cast<SpinPool*>(context);
    pool.fn_ = fn;
    pool.user_ = user;
    pool.n_ = n;
    pool.next_.store(0);
    pool.busy_.store(static_cast<int>(pool.workers_.size()));
    pool.generation_.fetch_add(1);
    pool.drain();
    while (pool.busy_.load() > 0) pause();
  }
  void drain() {
    for (size_t i = next_.fetch_add(1); i < n_; i = next_.fetch_add(1)) fn_(user_, i);
  }
  void work() {
    int seen = 0;
    while (!stop_.load()) {
      if (generation_.load() == seen) {
        pause();
        continue;
      }
      ++seen;
      drain();
      busy_.fetch_sub(1);
    }
  }

  ParallelFor::Body fn_ = nullptr;
  void* user_ = nullptr;
  size_t n_ = 0;
  std::atomic<size_t> next_{0};
  std::atomic<int> busy_{0};
  std::atomic<int> generation_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

struct Case {
  int heads;
  int kv_heads;
  int head_dim;
  int batch;
  int depth;
  int fresh;
  KvDtype dtype = KvDtype::kBf16;
};

double seconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/** Anonymous memory, in huge pages where the system grants them. */
class Arena {
 public:
  explicit Arena(size_t bytes) : bytes_((bytes + kHuge - 1) / kHuge * kHuge + kHuge) {
    memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) std::abort();
    base_ = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(memory_) + kHuge - 1) / kHuge * kHuge);
    madvise(base_, bytes_ - kHuge, MADV_HUGEPAGE);
  }
  ~Arena() { munmap(memory_, bytes_); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  std::byte* base() const { return base_; }

 private:
  static constexpr size_t kHuge = size_t{2} << 20;
  size_t bytes_;
  void* memory_;
  std::byte* base_;
};

class Setup {
 public:
  Setup(const Case& c, const AttentionCandidate& kernels)
      : case_(c), kernels_(kernels.table), width_((c.depth + c.fresh + kPageTokens - 1) / kPageTokens), layers_(layers_for(c, width_)),
        arena_(pool_bytes(c.dtype, layers_, width_ * c.batch, c.kv_heads, c.head_dim)) {
    std::mt19937 random(1);
    const size_t tokens = static_cast<size_t>(c.batch) * c.fresh;
    qkv_.resize(tokens * static_cast<size_t>(c.heads + 2 * c.kv_heads) * c.head_dim);
    std::normal_distribution<float> normal;
    for (float& x : qkv_) x = normal(random);
    rope_.assign(tokens * static_cast<size_t>(c.head_dim), 0.7f);
    out_.resize(tokens * static_cast<size_t>(c.heads) * c.head_dim);
    table_.resize(static_cast<size_t>(width_) * c.batch);
    std::iota(table_.begin(), table_.end(), 0);
    std::shuffle(table_.begin(), table_.end(), random);
    for (int b = 0; b <= c.batch; ++b) starts_.push_back(b * c.fresh);
    past_.assign(static_cast<size_t>(c.batch), c.depth);
    fill_pool(normal, random);
  }

  /** Best time of one call. */
  double measure(const ParallelFor& loop, double budget) {
    const clockid_t clock = loop.threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    double best = 1e9;
    const double stop = seconds(CLOCK_MONOTONIC) + budget;
    for (int call = 0; call < 4 || seconds(CLOCK_MONOTONIC) < stop; ++call) {
      AttentionProblem p = problem();
      p.layer = call % layers_;
      const double start = seconds(clock);
      attend(p, loop);
      best = std::min(best, seconds(clock) - start);
    }
    return best;
  }

  double flops() const {
    return 4.0 * case_.heads * case_.head_dim * case_.batch * case_.fresh * (case_.depth + (case_.fresh + 1) / 2.0);
  }
  double bytes() const {
    return static_cast<double>(slice_bytes(case_.dtype, case_.head_dim)) * case_.kv_heads * width_ * case_.batch;
  }

 private:
  static int layers_for(const Case& c, int width) {
    const double layer = static_cast<double>(pool_bytes(c.dtype, 1, width * c.batch, c.kv_heads, c.head_dim));
    return std::clamp(static_cast<int>(200e6 / layer), 2, 64);
  }

  void fill_pool(std::normal_distribution<float>& normal, std::mt19937& random) {
    const size_t bytes = pool_bytes(case_.dtype, layers_, width_ * case_.batch, case_.kv_heads, case_.head_dim);
    std::vector<float> sample(4099);
    for (float& x : sample) x = normal(random);
    if (case_.dtype == KvDtype::kF32) {
      auto* to = reinterpret_cast<float*>(arena_.base());
      for (size_t i = 0; i < bytes / 4; ++i) to[i] = sample[i % sample.size()];
      return;
    }
    auto* to = reinterpret_cast<uint16_t*>(arena_.base());
    for (size_t i = 0; i < bytes / 2; ++i) {
      uint32_t bits;
      std::memcpy(&bits, &sample[i % sample.size()], 4);
      to[i] = static_cast<uint16_t>(bits >> 16);
    }
  }

  AttentionProblem problem() {
    AttentionProblem p;
    p.qkv = qkv_.data();
    p.rope = rope_.data();
    p.rope_dim = case_.head_dim;
    p.cu_seqlens = starts_.data();
    p.past_lens = past_.data();
    p.block_table = table_.data();
    p.block_table_width = width_;
    p.batch = case_.batch;
    p.pool = {arena_.base(), case_.dtype, layers_, width_ * case_.batch, case_.kv_heads, case_.head_dim};
    p.heads = case_.heads;
    p.kv_heads = case_.kv_heads;
    p.head_dim = case_.head_dim;
    p.scale = 1.0f / std::sqrt(static_cast<float>(case_.head_dim));
    p.out = out_.data();
    p.kernels = kernels_;
    return p;
  }

  Case case_;
  const attention::KernelTable* kernels_;
  int width_;
  int layers_;
  Arena arena_;
  std::vector<float> qkv_, rope_, out_;
  std::vector<int32_t> table_, starts_, past_;
};

/** Null: the last level that runs here. */
const char* chosen_level = nullptr;

const AttentionCandidate* candidate_of(KvDtype dtype) {
  const auto candidates = attention_candidates(dtype);
  const AttentionCandidate* found =
      chosen_level == nullptr ? &cpu::last_supported(candidates) : cpu::find(candidates, chosen_level);
  return found != nullptr && found->supported() ? found : nullptr;
}

void report(const Case& c, SpinPool& pool, double budget) {
  const AttentionCandidate* kernels = candidate_of(c.dtype);
  if (kernels == nullptr) return;
  Setup setup(c, *kernels);
  const double time = setup.measure(pool.loop(), budget);
  std::printf("%-10s %-7s %2d/%d heads d%-3d %s batch %d depth %6d: %9.3f ms %7.1f GFLOP/s %6.1f GB/s\n",
              kernels->level, c.fresh == 1 ? "decode" : c.fresh <= 16 ? "verify" : "prefill", c.heads, c.kv_heads, c.head_dim,
              c.dtype == KvDtype::kBf16 ? "bf16" : "f32 ", c.batch, c.depth, time * 1e3, setup.flops() / time * 1e-9,
              setup.bytes() / time * 1e-9);
  std::fflush(stdout);
}

constexpr Case kCases[] = {
    {14, 2, 64, 1, 0, 512},      {14, 2, 64, 1, 16384, 512}, {14, 2, 64, 1, 32768, 512}, {9, 3, 64, 1, 8192, 512},
    {32, 8, 128, 1, 4096, 256},  {8, 4, 256, 1, 4096, 256},  {14, 2, 64, 1, 16384, 1},   {14, 2, 64, 1, 32768, 1},
    {14, 2, 64, 4, 4096, 1},     {14, 2, 64, 1, 256, 1},     {9, 3, 64, 1, 8192, 1},     {32, 8, 128, 1, 8192, 1},
    {8, 4, 256, 1, 8192, 1},     {8, 8, 64, 1, 16384, 1},    {14, 2, 64, 1, 16384, 8},   {14, 2, 64, 1, 8192, 512, KvDtype::kF32},
    {14, 2, 64, 1, 16384, 1, KvDtype::kF32},
};

}  // namespace
}  // namespace longhaul::bench

int main(int argc, char** argv) {
  using namespace longhaul;
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  if (argc > 2) bench::chosen_level = argv[2];
  if (threads < 1 || bench::candidate_of(KvDtype::kBf16) == nullptr) {
    std::fprintf(stderr, "usage: attention_bench [threads] [level]; the level must run on this processor\n");
    return 2;
  }
  std::printf("%d thread(s)\n", threads);
  bench::SpinPool pool(threads);
  for (const bench::Case& c : bench::kCases) bench::report(c, pool, 0.6);
  return 0;
}
