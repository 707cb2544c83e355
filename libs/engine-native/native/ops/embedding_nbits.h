#pragma once

#include "custom_op.h"

namespace longhaul::ops {

// ids i32[T], codes u8[V, K / block, block * bits / 8], scales f32[V * K / block] -> f32[T, K]. The weights are laid
// out as com.microsoft::MatMulNBits has them (symmetric, zero point 2^(bits - 1), low nibble first), so that a tied
// embedding is stored once. Attributes: bits (4 or 8), block_size, hidden (K).
class EmbeddingNBits {
 public:
  static constexpr const char* kName = "EmbeddingNBits";
  static constexpr InputSpec kInputs[] = {{ort::kInt32}, {ort::kUint8}, {ort::kFloat}};

  explicit EmbeddingNBits(const Attributes& attributes);
  void compute(const KernelContext& context);

 private:
  void decode_row(const uint8_t* codes, const float* scales, float* out) const;

  int bits_;
  int block_;
  int hidden_;
};

}  // namespace longhaul::ops
