// How fast the kernels of an operator are on this machine, for a model's shapes.
#pragma once

#include <string>
#include <vector>

#include "attention_bench.h"
#include "linear_bench.h"

namespace longhaul::kernels {

/** Levels of one operator that are to be compared. */
struct MeasuredOperator {
  /** As operators() names it; decides which of the two shapes counts. */
  std::string name;
  std::vector<std::string> levels;
  AttentionShape attention;
  std::vector<Matrix> matrices;
};

struct MeasureRequest {
  /** Of the engine; kMeasuredThreads of them are enough to see what cores do to each other. */
  int threads = 1;
  double budget_ms = 300;
  std::vector<MeasuredOperator> operators;
};

constexpr int kMeasuredThreads = 8;

/** Of one thread while the others do the same. */
struct Rate {
  std::string operator_name;
  std::string level;
  /** Multiplications and additions, 10^9 a second, in chunks of prompt; 0 where the model computes none so. */
  double prefill_gops;
  /** Keys and values, or weights, read by decode steps, 10^9 bytes a second. */
  double decode_gbps;
  /** Calls of each kind that were timed, by the thread that timed fewest. */
  int runs;
};

/** Throws Fault INVALID_ARGUMENT naming the field. */
void validate(const MeasureRequest& request);

/**
 * Times all levels in turn, again and again, until the budget is used up, on all threads at the same time. A thread does
 * work of its own and counts its own processor time, so what others do on a busy machine hardly shows; the best time
 * counts, as what disturbs a run makes it slower and never faster. A level that is far behind is not tried again. The
 * request must be valid. Every level runs once, even where the budget is too small for that. Takes the budget in wall
 * time and some 8 MiB a thread, more for very large pages.
 */
std::vector<Rate> measure(const MeasureRequest& request);

}  // namespace longhaul::kernels
