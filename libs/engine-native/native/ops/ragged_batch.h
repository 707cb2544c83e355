#pragma once

#include <string>
#include <vector>

#include "kernel_context.h"

namespace longhaul::ops {

// How T tokens are divided among B sequences: sequence b owns rows [cu[b], cu[b + 1]) at positions from past[b] on.
struct RaggedBatch {
  const int32_t* cu = nullptr;
  const int32_t* past = nullptr;
  int batch = 0;
  int tokens = 0;

  int new_tokens(int b) const { return cu[b + 1] - cu[b]; }
  int total(int b) const { return past[b] + new_tokens(b); }
};

// Positions stay below this, so that every count fits an int.
constexpr int64_t kMaxPosition = int64_t{1} << 30;

// Checks all lengths and returns the batch. Throws Fault.
inline RaggedBatch read_batch(const Tensor<int32_t>& cu, const Tensor<int32_t>& past) {
  past.require_rank(1);
  cu.require_shape({past[0] + 1});
  const RaggedBatch result{cu.data, past.data, static_cast<int>(past[0]), cu.data[past[0]]};
  if (cu.data[0] != 0) throw invalid(cu.name, "must start with 0");
  for (int b = 0; b < result.batch; b++) {
    const int64_t count = int64_t{cu.data[b + 1]} - cu.data[b];
    if (count < 0) throw invalid(cu.name, "must not fall at sequence " + std::to_string(b));
    if (past.data[b] < 0 || past.data[b] + count > kMaxPosition)
      throw invalid(past.name, "position out of range at sequence " + std::to_string(b));
  }
  return result;
}

// The sequence of each token, [T].
inline std::vector<int32_t> sequence_of_tokens(const RaggedBatch& batch) {
  std::vector<int32_t> result(batch.tokens);
  for (int b = 0; b < batch.batch; b++)
    std::fill(result.begin() + batch.cu[b], result.begin() + batch.cu[b + 1], b);
  return result;
}

}  // namespace longhaul::ops
