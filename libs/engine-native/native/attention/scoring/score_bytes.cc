#include <algorithm>
#include <string>

#include "../../fault.h"
#include "scoring.h"

namespace longhaul::attention {
namespace {

/** Of all levels with vectors: rows that are multiplied at a time, and lanes of rows that lie side by side. */
constexpr size_t kMostRows = 8;
constexpr size_t kMostLanes = 16;
/** Of a score that is chosen by: itself, its unit's, its key twice (select.h), and its number. */
constexpr size_t kChoiceBytes = 20;
/** What does not grow. */
constexpr size_t kFixedBytes = 64 << 10;

struct Sizes {
  size_t group;
  size_t head_dim;
  /** That the block sees, pages in full. */
  size_t tokens;
  size_t pages;

  /** Of a row of queries as a scorer lays it out. */
  size_t row_bytes() const { return 4 * head_dim + 64; }
};

/** See Antidiagonal::carve. */
size_t antidiagonal_bytes(const QueryBlock& block, const Sizes& sizes) {
  const int stride = block.plan->stride;
  const int last = block.first_position + block.tokens - 1;
  const size_t rows = static_cast<size_t>(last / stride - block.first_position / stride + 1) * sizes.group;
  const size_t padded = (rows + kMostLanes - 1) / kMostLanes * kMostLanes;
  const size_t units = sizes.tokens / static_cast<size_t>(block.plan->unit_tokens) + 2;
  return padded * (kPageTokens * 4 * (sizes.head_dim + 1) + 4 + 8 * units) + units * kChoiceBytes;
}

/** See VerticalSlash: sums of columns and diagonals, and of what is chosen by either. */
size_t line_bytes(const Sizes& sizes) {
  const size_t rows = kVerticalSlashQueries * sizes.group + kMostRows;
  return rows * (4 + 4 * kMostLanes + sizes.row_bytes()) + sizes.tokens * (12 + kChoiceBytes);
}

size_t score_bytes_of(const AttentionProblem& problem, const QueryBlock& block) {
  const size_t tokens = static_cast<size_t>(visible_tokens(block).size());
  const Sizes sizes{static_cast<size_t>(problem.heads / problem.kv_heads), static_cast<size_t>(problem.head_dim), tokens,
                    tokens / kPageTokens};
  const size_t rows = (kMostRows + 1) * 4;
  switch (block.plan->scorer) {
    case Scorer::kNone:
      return 0;
    case Scorer::kKeyBounds:
      return kFixedBytes + 2 * kMostRows * sizes.row_bytes() + (sizes.pages + kMostLanes) * (rows + kChoiceBytes);
    case Scorer::kAntidiagonal:
      return kFixedBytes + antidiagonal_bytes(block, sizes);
    case Scorer::kVerticalSlash:
      return kFixedBytes + line_bytes(sizes);
    case Scorer::kKeys:
    case Scorer::kLabels:
      return kFixedBytes + 2 * kMostRows * sizes.row_bytes() + sizes.tokens * (rows + kChoiceBytes);
  }
  return 0;
}

}  // namespace

size_t score_bytes(const AttentionProblem& problem, const std::vector<QueryBlock>& blocks) {
  size_t most = 0;
  for (const QueryBlock& block : blocks) {
    if (block.plan == nullptr) continue;
    most = std::max(most, score_bytes_of(problem, block));
    if (most <= kMostScoreBytes) continue;
    throw Fault(FaultKind::kResourceExhausted,
                "attention: to score the " + std::to_string(visible_tokens(block).size()) + " tokens of sequence " +
                    std::to_string(block.sequence) + " under its policy takes " + std::to_string(most) + " bytes a thread; at most " +
                    std::to_string(kMostScoreBytes) + " are taken",
                "attention");
  }
  return most;
}

}  // namespace longhaul::attention
