#pragma once

#include "custom_op.h"
#include "packed_operand.h"

namespace longhaul::ops {

// ids i32[T], values, scales (packed_operand.h) -> f32[T, K]: rows of a packed matrix, so that an embedding which shares the
// output layer's weights is stored once.
class EmbeddingPacked {
 public:
  static constexpr const char* kName = "EmbeddingPacked";
  static constexpr InputSpec kInputs[] = {{ort::kInt32}, {ort::kUint8}, {ort::kFloat16}};
  static constexpr OutputSpec kOutputs[] = {{ort::kFloat}};

  explicit EmbeddingPacked(const Attributes& attributes) : shape_(attributes) {}
  void compute(const KernelContext& context);

 private:
  PackedShape shape_;
};

}  // namespace longhaul::ops
