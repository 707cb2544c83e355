#pragma once

#include "activation_kernels.h"
#include "custom_op.h"

namespace longhaul::ops {

// x f32[T, 2F], a row's gate first and then what it gates -> f32[T, F]. Attribute activation: 0 SiLU, 1 GELU by tanh,
// 2 GELU by erf.
class GatedActivation {
 public:
  static constexpr const char* kName = "GatedActivation";
  static constexpr InputSpec kInputs[] = {{ort::kFloat}};
  static constexpr OutputSpec kOutputs[] = {{ort::kFloat}};

  explicit GatedActivation(const Attributes& attributes);
  void compute(const KernelContext& context);

 private:
  Activation kind_;
};

}  // namespace longhaul::ops
