#include "attention_bench.h"

#include <algorithm>
#include <cmath>

#include "page_runs.h"

namespace longhaul::kernels {
namespace {

// Deep enough that the loop over pages is what is timed.
constexpr int kDepth = 2048, kLeastDepth = 256;
// One chunk takes a millisecond or so at the speed of the slower vector kernels.
constexpr double kChunkOperations = 1e8;
constexpr int kLeastChunk = 16, kMostChunk = 128;

size_t page_bytes(const AttentionShape& s) { return pool_bytes(s.dtype, 1, 1, s.kv_heads, s.head_dim); }

}  // namespace

size_t AttentionBench::least_bytes(const AttentionShape& shape) {
  return page_bytes(shape) * ((kLeastDepth + kMostChunk) / kPageTokens);
}

AttentionBench::AttentionBench(const AttentionShape& shape, const BenchMemory& memory) : shape_(shape) {
  const double per_key = 4.0 * shape.heads * shape.head_dim;
  const double chunk = kChunkOperations / (per_key * kDepth);
  chunk_ = std::clamp(static_cast<int>(chunk) / kPageTokens * kPageTokens, kLeastChunk, kMostChunk);
  const int room = static_cast<int>(std::min<size_t>(memory.bytes() / page_bytes(shape), 1 << 20));
  depth_ = std::clamp(room * kPageTokens - chunk_, kLeastDepth, kDepth);
  const int pages = (depth_ + chunk_) / kPageTokens;
  pool_ = FlatPool(memory.base(), shape.dtype, std::max(1, room / pages), pages, shape.kv_heads, shape.head_dim);

  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  qkv_.resize(static_cast<size_t>(chunk_) * static_cast<size_t>(shape.heads + 2 * shape.kv_heads) * shape.head_dim);
  for (float& x : qkv_) x = normal(random);
  out_.resize(static_cast<size_t>(chunk_) * shape.heads * shape.head_dim);
  table_.resize(static_cast<size_t>(pages));
  shuffle_runs(table_, random);
}

void AttentionBench::run(const attention::KernelTable* kernels, int tokens, int layer) {
  const int32_t starts[] = {0, tokens}, past[] = {depth_};
  AttentionProblem p;
  p.qkv = qkv_.data();
  p.out = out_.data();
  p.cu_seqlens = starts;
  p.past_lens = past;
  p.block_table = table_.data();
  p.block_table_width = static_cast<int>(table_.size());
  p.batch = 1;
  p.kernels = kernels;
  p.pool = pool_.view();
  p.layer = layer;
  p.heads = shape_.heads;
  p.kv_heads = shape_.kv_heads;
  p.head_dim = shape_.head_dim;
  p.scale = 1.0f / std::sqrt(static_cast<float>(shape_.head_dim));
  attend(p, ParallelFor{});
}

double AttentionBench::prefill_operations() const {
  return 4.0 * shape_.heads * shape_.head_dim * chunk_ * (depth_ + (chunk_ + 1) / 2.0);
}

double AttentionBench::decode_bytes() const {
  return static_cast<double>(page_bytes(shape_)) * (depth_ / kPageTokens) * pool_.view().layers;
}

}  // namespace longhaul::kernels
