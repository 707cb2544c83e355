// Linear layers of a model's shapes, to be timed on one thread: a prefill chunk, and decode steps that read memory once.
#pragma once

#include <vector>

#include "../linear/linear.h"
#include "bench_memory.h"

namespace longhaul::kernels {

/** A matrix of the model. */
struct Matrix {
  int rows = 0;
  int cols = 0;
  /** How many the model has of this shape. */
  int count = 1;
  /** Whether all tokens of a chunk pass it; only the last one passes the output head. */
  bool prefill = true;
};

class LinearBench {
 public:
  /** Borrows the memory. Every matrix gets a share of a call as it has of the model, cut to fewer rows. */
  LinearBench(const std::vector<Matrix>& matrices, int bits, const BenchMemory& memory);

  void prefill(const linear::Kernels* kernels) { run(prefill_, kTokens, kernels); }
  void decode(const linear::Kernels* kernels) { run(decode_, 1, kernels); }

  /** Multiplications and additions of a prefill() call; 0 where no matrix is passed by whole chunks. */
  double prefill_operations() const;
  /** Weights and scales that a decode() call reads. */
  double decode_bytes() const;

 private:
  // Two units of tokens for the kernels, and a whole number of their groups.
  static constexpr int kTokens = 96;

  void run(const std::vector<linear::PackedWeights>& weights, int tokens, const linear::Kernels* kernels);

  std::vector<linear::PackedWeights> prefill_, decode_;
  std::vector<float> x_, out_;
  linear::LinearScratch scratch_;
};

}  // namespace longhaul::kernels
