// Attention of one layer: prefill of a chunk at a depth, decode, verification of a few drafted tokens. Pages lie as the
// engine hands them out: those of a chunk of a prompt in a row, chunks anywhere.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "../attention.h"
#include "../flat_pool.h"
#include "bench/kernel_case.h"
#include "kernels/page_runs.h"

namespace longhaul::bench {
namespace {

struct Shape {
  int heads;
  int kv_heads;
  int head_dim;
  int batch;
  int depth;
  int fresh;

  bool is_prefill() const { return fresh > 16; }
  int pages() const { return (depth + fresh + kPageTokens - 1) / kPageTokens; }
};

constexpr Shape kShapes[] = {
    {14, 2, 64, 1, 0, 512},   {14, 2, 64, 1, 16384, 512}, {14, 2, 64, 1, 32768, 512}, {32, 8, 128, 1, 4096, 256}, {8, 4, 256, 1, 4096, 256},
    {14, 2, 64, 1, 16384, 1}, {14, 2, 64, 1, 32768, 1},   {14, 2, 64, 4, 4096, 1},    {32, 8, 128, 1, 8192, 1},   {8, 4, 256, 1, 8192, 1},
    {8, 8, 64, 1, 16384, 1},  {14, 2, 64, 1, 16384, 8},
};

/** KV types that are measured; kernels of a type come from attention_candidates(). */
struct KvType {
  KvDtype dtype;
  const char* name;
};
constexpr KvType kTypes[] = {{KvDtype::kBf16, "bf16"}, {KvDtype::kF32, "f32"}, {KvDtype::kInt8, "int8"}};

/** KV that a decode run reads, in layers of one pool: a run must last longer than it takes to begin and end. */
constexpr double kColdBytes = 200e6;
/** Tokens that are really appended to fill a pool; its other pages are copies of theirs. */
constexpr int kFillTokens = 512;

class AttentionKernel final : public Kernel {
 public:
  AttentionKernel(const Shape& shape, KvDtype dtype, const attention::KernelTable* kernels)
      : shape_(shape), dtype_(dtype), kernels_(kernels), layers_(layers_of(shape, dtype)),
        arena_(pool_bytes(dtype, layers_, pages(), shape.kv_heads, shape.head_dim)),
        pool_(arena_.base(), dtype, layers_, pages(), shape.kv_heads, shape.head_dim) {
    std::mt19937 random(1);
    const size_t tokens = std::max(static_cast<size_t>(shape.batch) * shape.fresh, size_t{kFillTokens});
    qkv_.resize(tokens * static_cast<size_t>(shape.heads + 2 * shape.kv_heads) * shape.head_dim);
    std::normal_distribution<float> normal;
    for (float& x : qkv_) x = normal(random);
    rope_.assign(tokens * static_cast<size_t>(shape.head_dim), 0.7f);
    out_.resize(tokens * static_cast<size_t>(shape.heads) * shape.head_dim);
    table_.resize(static_cast<size_t>(pages()));
    std::iota(table_.begin(), table_.end(), 0);
    fill_pool();
    kernels::shuffle_runs(table_, random);
    starts_.clear();
    for (int b = 0; b <= shape.batch; ++b) starts_.push_back(b * shape.fresh);
    past_.assign(static_cast<size_t>(shape.batch), shape.depth);
  }

  void run(const ParallelFor& loop) override {
    const int calls = shape_.is_prefill() ? 1 : layers_;
    for (int call = 0; call < calls; ++call) {
      AttentionProblem p = problem(shape_.pages(), shape_.batch);
      p.layer = shape_.is_prefill() ? next_layer_++ % layers_ : call;
      attend(p, loop);
    }
  }

  std::span<const std::byte> cold() const override {
    if (shape_.is_prefill()) return {};
    return {arena_.base(), arena_.bytes()};
  }

  /** Layers of a run's pool: prefill takes them in turn, decode all. */
  static int layers_of(const Shape& s, KvDtype dtype) {
    return s.is_prefill() ? 2 : std::clamp(static_cast<int>(kColdBytes / layer_bytes(s, dtype)), 2, 64);
  }
  static double layer_bytes(const Shape& s, KvDtype dtype) {
    return static_cast<double>(pool_bytes(dtype, 1, s.pages() * s.batch, s.kv_heads, s.head_dim));
  }

 private:
  int pages() const { return shape_.pages() * shape_.batch; }

  /** Appends some tokens to the first pages of the first layer, and copies their slices to all others. */
  void fill_pool() {
    const int tokens = std::min(kFillTokens, pages() * kPageTokens);
    starts_ = {0, tokens};
    past_ = {0};
    AttentionProblem p = problem(pages(), 1);
    attend(p, {});
    const int filled = tokens / kPageTokens;
    for (int layer = 0; layer < layers_; ++layer)
      for (int page = 0; page < pages(); ++page)
        for (int head = 0; head < shape_.kv_heads; ++head) {
          if (layer == 0 && page < filled) continue;
          std::memcpy(p.pool.slice(layer, page, head), p.pool.slice(0, page % filled, head), slice_bytes(dtype_, shape_.head_dim));
        }
  }

  AttentionProblem problem(int width, int batch) {
    AttentionProblem p;
    p.qkv = qkv_.data();
    p.rope = rope_.data();
    p.rope_dim = shape_.head_dim;
    p.cu_seqlens = starts_.data();
    p.past_lens = past_.data();
    p.block_table = table_.data();
    p.block_table_width = width;
    p.batch = batch;
    p.kernels = kernels_;
    p.pool = pool_.view();
    p.heads = shape_.heads;
    p.kv_heads = shape_.kv_heads;
    p.head_dim = shape_.head_dim;
    p.scale = 1.0f / std::sqrt(static_cast<float>(shape_.head_dim));
    p.out = out_.data();
    return p;
  }

  Shape shape_;
  KvDtype dtype_;
  const attention::KernelTable* kernels_;
  int layers_;
  int next_layer_ = 0;
  Memory arena_;
  FlatPool pool_;
  std::vector<float> qkv_, rope_, out_;
  std::vector<int32_t> table_, starts_, past_;
};

double operations(const Shape& s) {
  return 4.0 * s.heads * s.head_dim * s.batch * s.fresh * (s.depth + (s.fresh + 1) / 2.0);
}

std::string name_of(const Shape& s, const KvType& type) {
  const std::string phase = s.is_prefill() ? "prefill" : s.fresh == 1 ? "decode" : "verify";
  return "attention " + phase + " " + type.name + " " + std::to_string(s.heads) + "/" + std::to_string(s.kv_heads) + " d" +
         std::to_string(s.head_dim) + ", " + (s.batch > 1 ? std::to_string(s.batch) + " x " : "") + std::to_string(s.fresh) + " at " +
         std::to_string(s.depth);
}

KernelCase case_of(const Shape& s, const KvType& type, const AttentionCandidate& kernels) {
  const int runs = s.is_prefill() ? 1 : AttentionKernel::layers_of(s, type.dtype);
  KernelCase c;
  c.name = name_of(s, type);
  c.phase = s.is_prefill() ? Phase::kPrefill : Phase::kDecode;
  c.level = kernels.level;
  c.arithmetic = attention_arithmetic(kernels, type.dtype);
  c.operations = operations(s) * runs;
  c.bytes = AttentionKernel::layer_bytes(s, type.dtype) * runs;
  c.open = [s, dtype = type.dtype, table = kernels.table] { return std::make_unique<AttentionKernel>(s, dtype, table); };
  return c;
}

}  // namespace

Arithmetic attention_arithmetic(const AttentionCandidate& kernels, KvDtype dtype) {
  switch (dtype) {
    case KvDtype::kBf16:
    case KvDtype::kF32:
      if (kernels.needs.has(cpu::Feature::kAmxBf16)) return Arithmetic::kBf16Tile;
      return kernels.needs.has(cpu::Feature::kAvx512Bf16) ? Arithmetic::kBf16Dot : Arithmetic::kFma;
    case KvDtype::kInt8:
      return kernels.needs.has(cpu::Feature::kAmxInt8) ? Arithmetic::kIntegerTile : Arithmetic::kIntegerDot;
  }
  return Arithmetic::kIntegerDot;
}

std::vector<KernelCase> attention_cases(const Machine& machine) {
  std::vector<KernelCase> cases;
  for (const KvType& type : kTypes)
    for (const AttentionCandidate* kernels : widest_of(machine, attention_candidates(type.dtype), [&](const AttentionCandidate& c) {
           return attention_arithmetic(c, type.dtype);
         }))
      for (const Shape& shape : kShapes) {
        // The one row a head of decode takes the products of vectors at that level, too.
        if (attention_arithmetic(*kernels, type.dtype) == Arithmetic::kIntegerTile && shape.fresh == 1) continue;
        cases.push_back(case_of(shape, type, *kernels));
      }
  return cases;
}

}  // namespace longhaul::bench
