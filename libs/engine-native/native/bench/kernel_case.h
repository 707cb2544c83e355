// What a kernel benchmark measures: one kernel on one shape, and how much work that is.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "attention/attention.h"
#include "cpu/candidates.h"
#include "limits.h"
#include "pool.h"

namespace longhaul::bench {

/** A kernel with its operands. */
class Kernel {
 public:
  virtual ~Kernel() = default;

  /** Does the case's work once. */
  virtual void run(const ParallelFor& loop) = 0;

  /** What must come from DRAM each time: it is evicted before a run. Empty: the caches stay as they are. */
  virtual std::span<const std::byte> cold() const { return {}; }
};

/** A kernel of whose work a part is timed by itself. */
class PartialKernel : public Kernel {
 public:
  /** CPU seconds that the part took since the last call. */
  virtual double take_part_seconds() = 0;
};

/** A part as a share of the whole, on one thread. */
struct ShareCase {
  std::string name;
  std::string level;
  std::function<std::unique_ptr<PartialKernel>()> open;
};

enum class Phase { kPrefill, kDecode };

struct KernelCase {
  /** "linear prefill int8 9728x896, 512 tokens": operator, phase, type, shape. */
  std::string name;
  Phase phase;
  /** Name of the kernels' level. */
  std::string level;
  Arithmetic arithmetic;
  /** Of one run: operations (a multiply-add is two) and bytes of weights, or of keys and values, that it reads. */
  double operations;
  double bytes;
  std::function<std::unique_ptr<Kernel>()> open;
};

/** The cases of each operator, each with the widest kernels that `machine` runs of every kind of arithmetic. */
std::vector<KernelCase> linear_cases(const Machine& machine);
std::vector<KernelCase> attention_cases(const Machine& machine);
std::vector<KernelCase> score_cases(const Machine& machine);
std::vector<ShareCase> score_shares(const Machine& machine);

/** What the inner products of these kernels are made of. */
Arithmetic attention_arithmetic(const AttentionCandidate& kernels, KvDtype dtype);

/**
 * Of candidates in the order of their instruction sets the last one that `machine` runs for each kind of arithmetic;
 * the reference in plain loops is not among them.
 */
template <class Candidate, class ArithmeticOf>
std::vector<const Candidate*> widest_of(const Machine& machine, std::span<const Candidate> candidates, ArithmeticOf arithmetic_of) {
  std::vector<const Candidate*> widest;
  for (const Candidate& candidate : candidates.subspan(1)) {
    if (!machine.features.contains(candidate.needs)) continue;
    std::erase_if(widest, [&](const Candidate* other) { return arithmetic_of(*other) == arithmetic_of(candidate); });
    widest.push_back(&candidate);
  }
  return widest;
}

}  // namespace longhaul::bench
