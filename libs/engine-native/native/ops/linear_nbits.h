#pragma once

#include "custom_op.h"
#include "packed_operand.h"

namespace longhaul::ops {

// x f32[T, K], values, scales (packed_operand.h), bias f32[N] (optional) -> f32[T, N]: a linear layer with weights of 8 or 4
// bits in blocks of 32, activations quantised to 8 bits per token and block on the way.
class LinearNBits {
 public:
  static constexpr const char* kName = "LinearNBits";
  static constexpr InputSpec kInputs[] = {{ort::kFloat}, {ort::kUint8}, {ort::kFloat16}, {ort::kFloat, ort::kOptional}};
  static constexpr OutputSpec kOutputs[] = {{ort::kFloat}};

  explicit LinearNBits(const Attributes& attributes) : shape_(attributes) {}
  void compute(const KernelContext& context);

 private:
  PackedShape shape_;
};

}  // namespace longhaul::ops
