#pragma once

#include "custom_op.h"

namespace longhaul::ops {

// rope_inv_freq f32[C, B, P], rope_scale f32[C, B], cu_seqlens i32[B + 1], past_lens i32[B] -> f32[C, T, 2P]: the
// cosines of a token's P angles, then the sines, both times the scale of its sequence. One table per step and class
// serves every layer. Angles are products in double, so they stay exact to the last bit of the frequency at any
// position.
class RopeTable {
 public:
  static constexpr const char* kName = "RopeTable";
  static constexpr InputSpec kInputs[] = {{ort::kFloat}, {ort::kFloat}, {ort::kInt32}, {ort::kInt32}};

  explicit RopeTable(const Attributes&) {}
  void compute(const KernelContext& context);
};

}  // namespace longhaul::ops
