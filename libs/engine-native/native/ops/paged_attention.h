#pragma once

#include "../attention/attention.h"
#include "custom_op.h"

namespace longhaul::ops {

// The attention of one layer of a step over its paged KV pool: checks every shape and index, waits for what is still being
// loaded (../gate/load_gate.h), calls the kernels, and adds to the step's statistics.
//
// qkv f32[T, (Hq + 2 Hkv) D], step_context i64[1] (a handle), and optionally rope f32[T, 2P] of the layer's class (none: no
// rotation), q_norm f32[D], k_norm f32[D], sinks f32[Hq] -> f32[T, Hq D].
// Attributes: layer, num_heads, kv_heads, head_dim, rope_dim (= 2P, 0 without rope), scale, window (0: none),
// softcap (0: none), norm_eps.
class PagedAttention {
 public:
  static constexpr const char* kName = "PagedAttention";
  static constexpr InputSpec kOperand = {ort::kFloat, ort::kOptional};
  static constexpr InputSpec kInputs[] = {{ort::kFloat}, kStepContextInput, kOperand, kOperand, kOperand, kOperand};
  static constexpr OutputSpec kOutputs[] = {{ort::kFloat}};

  explicit PagedAttention(const Attributes& attributes);
  void compute(const KernelContext& context);

 private:
  // What the attributes and the operands say; the step says the rest.
  AttentionProblem problem_of(const KernelContext& context, int tokens) const;
  void require_pool(const KvPoolView& pool) const;
  const float* rope(const KernelContext& context, int64_t tokens) const;
  const float* weights(const KernelContext& context, size_t index, const char* name, int64_t size) const;

  int layer_, heads_, kv_heads_, head_dim_, rope_dim_, window_;
  float scale_, softcap_, norm_eps_;
};

}  // namespace longhaul::ops
