// A random attention problem that owns its arrays: sequences with a past, new tokens, a shuffled block table over a
// pool whose unused memory is NaN. Test support.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "../attention.h"
#include "../flat_pool.h"

namespace longhaul::test {

struct Shape {
  int heads = 4;
  int kv_heads = 2;
  int head_dim = 64;
  KvDtype dtype = KvDtype::kF32;
  int window = 0;
  float softcap = 0.0f;
  bool sinks = false;
  bool norms = false;
  /** 0: no rotation. */
  int rope_dim = 0;
  /** Multiplies queries and keys: larger means sharper softmax. */
  float spread = 1.0f;
};

/** A sequence in tokens: `past` are appended by earlier calls, `fresh` by the call under test. */
struct Sequence {
  int past;
  int fresh;
};

/** Raw inputs of whole sequences; the reference reads them, cases feed them to attend() piece by piece. */
struct World {
  Shape shape;
  std::vector<Sequence> sequences;
  /** Per sequence [length][(heads + 2 kv_heads) head_dim] and [length][rope_dim]. */
  std::vector<std::vector<float>> qkv;
  std::vector<std::vector<float>> rope;
  std::vector<float> q_norm, k_norm, sinks;

  World(const Shape& s, std::vector<Sequence> lengths, uint32_t seed) : shape(s), sequences(std::move(lengths)) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> angle(0.0f, 6.28f);
    const auto fill = [&](std::vector<float>& to, size_t n, float mean, float spread) {
      to.resize(n);
      for (float& x : to) x = mean + spread * normal(random);
    };
    for (const Sequence& sequence : sequences) {
      const size_t length = static_cast<size_t>(sequence.past + sequence.fresh);
      fill(qkv.emplace_back(), length * static_cast<size_t>(row_floats()), 0.0f, s.spread);
      std::vector<float>& table = rope.emplace_back(length * static_cast<size_t>(s.rope_dim));
      for (size_t row = 0; row < length; ++row) {
        for (int i = 0; i < s.rope_dim / 2; ++i) {
          const float a = angle(random);
          table[row * s.rope_dim + i] = std::cos(a);
          table[row * s.rope_dim + s.rope_dim / 2 + i] = std::sin(a);
        }
      }
    }
    fill(q_norm, static_cast<size_t>(s.head_dim), 1.0f, 0.2f);
    fill(k_norm, static_cast<size_t>(s.head_dim), 1.0f, 0.2f);
    fill(sinks, static_cast<size_t>(s.heads), 0.0f, 2.0f);
  }

  int row_floats() const { return (shape.heads + 2 * shape.kv_heads) * shape.head_dim; }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(shape.head_dim)); }
};

/** Threads for attend(): `threads` bodies at a time. */
struct ThreadLoop {
  static void run(void*, size_t n, ParallelFor::Body fn, void* user) {
    std::vector<std::thread> threads;
    for (size_t i = 1; i < n; ++i) threads.emplace_back(fn, user, i);
    fn(user, 0);
    for (std::thread& thread : threads) thread.join();
  }
  static ParallelFor of(int threads) { return {threads > 1 ? run : nullptr, nullptr, threads}; }
};

/** Name of the level under test. */
inline std::string level_under_test = "scalar";

/** Its kernels for a KV type; null where that has none of that name, or the processor cannot run them. */
inline const attention::KernelTable* kernels_under_test(KvDtype dtype) {
  const AttentionCandidate* found = cpu::find(attention_candidates(dtype), level_under_test);
  return found != nullptr && found->supported() ? found->table : nullptr;
}

/** A pool and block tables for a world, and attend() over any cut of its sequences. */
class Runner {
 public:
  /** Layers that a pool needs; the tests run layer 1. */
  static constexpr int kLayers = 2;

  /** Pages that a pool for a world needs. */
  static int pages_for(const World& world) { return width_of(world) * static_cast<int>(world.sequences.size()) + 3; }

  Runner(const World& world, uint32_t seed) : Runner(world, seed, {}) {
    const Shape& s = world.shape;
    memory_.resize(pool_bytes(s.dtype, kLayers, pages_, s.kv_heads, s.head_dim) + 64, std::byte{0xff});
    void* base = memory_.data();
    size_t space = memory_.size();
    std::align(64, memory_.size() - 64, base, space);
    pool_ = FlatPool(static_cast<std::byte*>(base), s.dtype, kLayers, pages_, s.kv_heads, s.head_dim);
    view_ = pool_.view();
  }

  /** Over somebody else's pool. */
  Runner(const World& world, uint32_t seed, const KvPoolView& pool)
      : world_(world), width_(width_of(world)), pages_(pages_for(world)), view_(pool) {
    const int used = pages_ - 3;
    std::vector<int> order(static_cast<size_t>(pages_));
    for (int i = 0; i < pages_; ++i) order[static_cast<size_t>(i)] = i;
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    table_.assign(order.begin(), order.begin() + used);
  }

  /** Runs tokens [from[b], to[b]) of every sequence b; returns the outputs of those tokens, sequence after sequence. */
  std::vector<float> run(const std::vector<int>& from, const std::vector<int>& to, int threads) {
    return run(from, to, threads, world_.shape.window);
  }

  std::vector<float> run(const std::vector<int>& from, const std::vector<int>& to, int threads, int window) {
    const Shape& s = world_.shape;
    std::vector<float> qkv, rope;
    std::vector<int32_t> starts{0};
    for (size_t b = 0; b < world_.sequences.size(); ++b) {
      const auto copy = [&](std::vector<float>& target, const std::vector<float>& source, int row) {
        target.insert(target.end(), source.begin() + static_cast<ptrdiff_t>(from[b]) * row,
                      source.begin() + static_cast<ptrdiff_t>(to[b]) * row);
      };
      copy(qkv, world_.qkv[b], world_.row_floats());
      copy(rope, world_.rope[b], s.rope_dim);
      starts.push_back(starts.back() + to[b] - from[b]);
    }
    std::vector<float> out(static_cast<size_t>(starts.back()) * s.heads * s.head_dim,
                           std::numeric_limits<float>::quiet_NaN());
    AttentionProblem p = problem();
    p.qkv = qkv.data();
    p.rope = s.rope_dim > 0 ? rope.data() : nullptr;
    p.cu_seqlens = starts.data();
    p.past_lens = from.data();
    p.out = out.data();
    p.window = window;
    p.skipped = skipped.empty() ? nullptr : skipped.data();
    p.selector = selector;
    p.policies = policies;
    p.probe = probe;
    if (const char* fault = find_fault(p)) throw std::runtime_error(fault);
    report = attend(p, ThreadLoop::of(threads));
    return out;
  }

  /** Appends every past in chunks of `chunk` tokens, then returns the outputs of the fresh tokens of all sequences. */
  std::vector<float> run_all(int chunk, int threads) {
    std::vector<int> from(world_.sequences.size(), 0), to(from), past(from), length(from);
    for (size_t b = 0; b < from.size(); ++b) {
      past[b] = world_.sequences[b].past;
      length[b] = past[b] + world_.sequences[b].fresh;
    }
    while (from != past) {
      for (size_t b = 0; b < from.size(); ++b) to[b] = std::min(past[b], from[b] + chunk);
      // What a past token attends to leaves no trace in the pool, so its own attention is cut to one key.
      run(from, to, threads, 1);
      from = to;
    }
    return run(from, length, threads);
  }

  int page_of(int sequence, int logical) const { return table_[static_cast<size_t>(sequence * width_ + logical)]; }

  /** The whole pool, for comparisons. */
  const std::vector<std::byte>& memory() const { return memory_; }

  /** Of the next runs; null: dense. */
  const Selector* selector = nullptr;

  /** Of the next runs; empty: all sequences are dense. */
  std::vector<attention::PolicySequence> policies;

  /** Of the next runs; null: nobody looks. */
  attention::AttentionProbe* probe = nullptr;

  /** [sequences] to leave out of the next runs; empty: none. */
  std::vector<uint8_t> skipped;

  /** Of the next runs; empty: all heads share a sequence's table. */
  std::vector<HeadTables> head_tables;

  /** Of the last run. */
  AttentionReport report;

  int width() const { return width_; }

 private:
  static int width_of(const World& world) {
    int width = 0;
    for (const Sequence& q : world.sequences) width = std::max(width, (q.past + q.fresh + 15) / 16 + 1);
    return width;
  }

  AttentionProblem problem() const {
    const Shape& s = world_.shape;
    AttentionProblem p;
    p.rope_dim = s.rope_dim;
    p.block_table = table_.data();
    p.block_table_width = width_;
    p.head_tables = head_tables;
    p.batch = static_cast<int>(world_.sequences.size());
    p.pool = view_;
    p.layer = 1;
    p.heads = s.heads;
    p.kv_heads = s.kv_heads;
    p.head_dim = s.head_dim;
    p.scale = world_.scale();
    p.softcap = s.softcap;
    p.q_norm = s.norms ? world_.q_norm.data() : nullptr;
    p.k_norm = s.norms ? world_.k_norm.data() : nullptr;
    p.sinks = s.sinks ? world_.sinks.data() : nullptr;
    p.kernels = kernels_under_test(s.dtype);
    return p;
  }

  const World& world_;
  const int width_;
  const int pages_;
  std::vector<std::byte> memory_;
  std::vector<int32_t> table_;
  FlatPool pool_;
  KvPoolView view_;
};

}  // namespace longhaul::test
