#pragma once

#include "custom_op.h"

namespace longhaul::ops {

// step_context i64[1] -> one table f32[T, 2P] for each rope class of the step: the cosines of a token's P angles, then the
// sines, both times the scale of its sequence. One table per step and class serves every layer. Angles are products in
// double, so they stay exact to the last bit of the frequency at any position.
class RopeTable {
 public:
  static constexpr const char* kName = "RopeTable";
  static constexpr InputSpec kInputs[] = {kStepContextInput};
  static constexpr OutputSpec kOutputs[] = {{ort::kFloat, ort::kVariadic}};

  explicit RopeTable(const Attributes&) {}
  void compute(const KernelContext& context);
};

}  // namespace longhaul::ops
