#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "../fault.h"
#include "step_context.h"

namespace longhaul {

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

// Checks all lengths and returns the batch, which borrows from the facts. Throws Fault naming the field.
inline RaggedBatch read_batch(const StepFacts& facts) {
  const auto &cu = facts.cu_seqlens, &past = facts.past_lens;
  if (cu.size() != past.size() + 1)
    throw invalid("cuSeqlens", "must have " + std::to_string(past.size() + 1) + " elements, got " +
                                   std::to_string(cu.size()));
  if (cu[0] != 0) throw invalid("cuSeqlens", "must start with 0");
  const RaggedBatch result{cu.data(), past.data(), facts.batch(), cu.back()};
  for (int b = 0; b < result.batch; b++) {
    const int64_t count = int64_t{cu[b + 1]} - cu[b];
    if (count < 0) throw invalid("cuSeqlens", "must not fall at sequence " + std::to_string(b));
    if (past[b] < 0 || past[b] + count > kMaxPosition)
      throw invalid("pastLens", "position out of range at sequence " + std::to_string(b));
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

}  // namespace longhaul
