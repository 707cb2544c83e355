#include "linear_nbits.h"

#include "../linear/linear.h"

namespace longhaul::ops {

void LinearNBits::compute(const KernelContext& context) {
  const auto x = context.input<float>(0, "x");
  const auto values = context.input<uint8_t>(1, "values");
  const auto scales = context.input<uint16_t>(2, "scales");
  const auto bias = context.optional_input<float>(3, "bias");
  x.require_rank(2);
  x.require_dim(1, shape_.cols);
  if (bias) bias.require_shape({shape_.rows});
  const linear::PackedWeights weights = shape_.weights(values, scales);
  float* out = context.output(0, {x[0], shape_.rows});
  if (x[0] == 0) return;

  // One engine thread runs one node at a time, so a scratch per thread serves all layers.
  static thread_local linear::LinearScratch scratch;
  const linear::Kernels* kernels = KernelContext::choice ? KernelContext::choice->linear(weights.bits) : nullptr;
  const int tokens = static_cast<int>(x[0]);
  const linear::LinearProblem problem{x.data, out, bias.data, tokens, weights, scratch.reserve(tokens, shape_.cols),
                                      kernels};
  const int quantise = linear::quantise_units(problem);
  if (quantise == 1) linear::run_quantise_unit(problem, 0);
  else context.parallel_for(quantise, [&](size_t unit) { linear::run_quantise_unit(problem, int(unit)); });
  const linear::MultiplyPlan plan = linear::plan_multiply(problem, KernelContext::threads);
  context.parallel_for(plan.units(), [&](size_t unit) { linear::run_multiply_unit(problem, plan, int(unit)); });
}

}  // namespace longhaul::ops
