#pragma once

#include "custom_op.h"

namespace longhaul::ops {

// The attention of one layer over the paged KV pool: checks every shape and index, waits for what is still being loaded
// (step_gates.h), then calls the kernels.
//
// qkv f32[T, (Hq + 2 Hkv) D], rope f32[C, T, 2P], kv_pool i64[1] (a handle), cu_seqlens i32[B + 1], past_lens i32[B],
// block_table i32[B, W], and optionally q_norm f32[D], k_norm f32[D], sinks f32[Hq] -> f32[T, Hq D].
// Attributes: layer, num_heads, kv_heads, head_dim, rope_class (-1: no rotation), rope_dim, scale, window (0: none),
// softcap (0: none), norm_eps.
class PagedAttention {
 public:
  static constexpr const char* kName = "PagedAttention";
  static constexpr InputSpec kInputs[] = {{ort::kFloat},       {ort::kFloat},       {ort::kInt64},
                                          {ort::kInt32},       {ort::kInt32},       {ort::kInt32},
                                          {ort::kFloat, true}, {ort::kFloat, true}, {ort::kFloat, true}};

  explicit PagedAttention(const Attributes& attributes);
  void compute(const KernelContext& context);

 private:
  const float* rope_of_class(const KernelContext& context, int64_t tokens) const;
  const float* weights(const KernelContext& context, size_t index, const char* name, int64_t size) const;

  int layer_, heads_, kv_heads_, head_dim_, rope_class_, rope_dim_, window_;
  float scale_, softcap_, norm_eps_;
};

}  // namespace longhaul::ops
