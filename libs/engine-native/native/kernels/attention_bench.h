// Attention of a model's shape, to be timed on one thread: a prefill chunk, and decode steps that read memory once.
#pragma once

#include <random>
#include <vector>

#include "../attention/attention.h"
#include "../attention/flat_pool.h"
#include "bench_memory.h"

namespace longhaul::kernels {

struct AttentionShape {
  KvDtype dtype = KvDtype::kBf16;
  int heads = 1;
  int kv_heads = 1;
  int head_dim = 64;
};

class AttentionBench {
 public:
  /** Bytes of memory that a shape needs at least. */
  static size_t least_bytes(const AttentionShape& shape);

  /** Borrows the memory. */
  AttentionBench(const AttentionShape& shape, const BenchMemory& memory);

  /** One chunk of prefill over one layer. */
  void prefill(const attention::KernelTable* kernels) { run(kernels, chunk_, 0); }
  /** One token over every layer that the memory holds. */
  void decode(const attention::KernelTable* kernels) {
    for (int layer = 0; layer < pool_.view().layers; ++layer) run(kernels, 1, layer);
  }

  /** Multiplications and additions of a prefill() call. */
  double prefill_operations() const;
  /** Keys and values that a decode() call reads. */
  double decode_bytes() const;

 private:
  void run(const attention::KernelTable* kernels, int tokens, int layer);

  const AttentionShape shape_;
  int chunk_;
  int depth_;
  FlatPool pool_;
  std::vector<float> qkv_, out_;
  std::vector<int32_t> table_;
};

}  // namespace longhaul::kernels
