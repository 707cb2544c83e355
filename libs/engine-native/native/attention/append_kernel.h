// Append in plain loops, which every kernel level compiles (and vectorises) for itself: include it behind the level's
// `#pragma GCC target`. Internal linkage throughout.
#pragma once

#include <cstdint>
#include <cstring>

#include "bf16.h"
#include "head_basis.h"
#include "kernels.h"
#include "quantise_row.h"
#include "slice_metadata.h"
#include "weighted_rounding.h"

namespace longhaul::attention {
namespace {

/** RMS norm (if weights are given), rotation and scale of one head of one token. */
void prepare_head(const AttentionProblem& p, const float* weights, const float* rope, float scale,
                  const float* __restrict__ in, float* __restrict__ out) {
  float factor = scale;
  if (weights != nullptr) {
    float lanes[16] = {};
    for (int d = 0; d < p.head_dim; d += 16) {
      for (int i = 0; i < 16; ++i) lanes[i] += in[d + i] * in[d + i];
    }
    float sum = 0.0f;
    for (int i = 0; i < 16; ++i) sum += lanes[i];
    factor = scale / __builtin_sqrtf(sum / static_cast<float>(p.head_dim) + p.norm_eps);
    for (int d = 0; d < p.head_dim; ++d) out[d] = in[d] * factor * weights[d];
  } else {
    for (int d = 0; d < p.head_dim; ++d) out[d] = in[d] * factor;
  }
  if (rope == nullptr) return;
  const int half = p.rope_dim / 2;
  for (int d = 0; d < half; ++d) {
    const float cosine = rope[d];
    const float sine = rope[half + d];
    const float a = out[d];
    const float b = out[half + d];
    out[d] = a * cosine - b * sine;
    out[half + d] = b * cosine + a * sine;
  }
}

void store_bf16(std::byte* slice, int head_dim, int slot, const float* key, const float* value) {
  auto* keys = reinterpret_cast<uint32_t*>(slice);
  for (int d = 0; d < head_dim / 2; ++d) keys[d * kPageTokens + slot] = bf16_pair(key[2 * d], key[2 * d + 1]);
  auto* values = reinterpret_cast<uint16_t*>(slice + key_tile_bytes(KvDtype::kBf16, head_dim));
  values += static_cast<size_t>(slot / 2) * head_dim * 2 + slot % 2;
  for (int d = 0; d < head_dim; ++d) values[2 * d] = to_bf16(value[d]);
}

void store_f32(std::byte* slice, int head_dim, int slot, const float* key, const float* value) {
  auto* keys = reinterpret_cast<float*>(slice);
  for (int d = 0; d < head_dim; ++d) keys[d * kPageTokens + slot] = key[d];
  auto* values = reinterpret_cast<float*>(slice + key_tile_bytes(KvDtype::kF32, head_dim));
  std::memcpy(values + static_cast<size_t>(slot) * head_dim, value, sizeof(float) * static_cast<size_t>(head_dim));
}

/** Key and value are kept rotated; `key` is rotated in place. */
void store_int8(std::byte* slice, int head_dim, int slot, float* key, const float* value) {
  alignas(64) int8_t bytes[kMaxHeadDim];
  SliceScales& scales = scales_of(slice, head_dim);
  rotate_head(key, head_dim);
  scales.key[slot] = quantise_rotated_row(key, head_dim, bytes);
  auto* keys = reinterpret_cast<uint8_t*>(slice);
  for (int d = 0; d < head_dim; ++d) {
    keys[(d / 4 * kPageTokens + slot) * 4 + d % 4] = static_cast<uint8_t>(bytes[d] + 128);
  }
  std::memcpy(key, value, sizeof(float) * static_cast<size_t>(head_dim));
  rotate_head(key, head_dim);
  const float scale = quantise_row(key, head_dim, bytes);
  const float kept = scale < kLeastScale ? kLeastScale : scale;
  set_value_scale(scales, slot, 1.0f / kept);
  auto* values = reinterpret_cast<int8_t*>(slice + key_tile_bytes(KvDtype::kInt8, head_dim));
  values += static_cast<size_t>(slot / 4) * head_dim * 4 + slot % 4;
  for (int d = 0; d < head_dim; ++d) values[4 * d] = bytes[d];
}

void store_token(KvDtype dtype, std::byte* slice, int head_dim, int slot, float* key, const float* value) {
  switch (dtype) {
    case KvDtype::kBf16:
      return store_bf16(slice, head_dim, slot, key, value);
    case KvDtype::kF32:
      return store_f32(slice, head_dim, slot, key, value);
    case KvDtype::kInt8:
      return store_int8(slice, head_dim, slot, key, value);
  }
}

void append_keys(const AttentionProblem& p, const AppendRun& run, int kv_head) {
  const int page = p.page_row(run.sequence, kv_head)[run.logical];
  std::byte* slice = p.pool.slice(p.layer, page, kv_head);
  const size_t row_floats = static_cast<size_t>(p.heads + 2 * p.kv_heads) * p.head_dim;
  if (run.slot == 0) std::memset(slice, 0, slice_bytes(p.pool.dtype, p.head_dim));
  alignas(64) float rotated[kMaxHeadDim];
  for (int t = 0; t < run.tokens; ++t) {
    const float* key = p.qkv + (run.row + t) * row_floats + static_cast<size_t>(p.heads + kv_head) * p.head_dim;
    const float* value = key + static_cast<size_t>(p.kv_heads) * p.head_dim;
    const float* rope = p.rope == nullptr ? nullptr : p.rope + static_cast<size_t>(run.row + t) * p.rope_dim;
    prepare_head(p, p.k_norm, rope, 1.0f, key, rotated);
    store_token(p.pool.dtype, slice, p.head_dim, run.slot + t, rotated, value);
  }
  if (p.pool.channels.any()) update_metadata(p.pool, p.layer, page, kv_head, run.slot + run.tokens);
}

void append_run(const AttentionProblem& p, const AppendRun& run) {
  const size_t row_floats = static_cast<size_t>(p.heads + 2 * p.kv_heads) * p.head_dim;
  const float scale = query_scale(p);
  for (int t = 0; t < run.tokens; ++t) {
    const size_t row = static_cast<size_t>(run.row + t);
    const float* rope = p.rope == nullptr ? nullptr : p.rope + row * p.rope_dim;
    for (int h = 0; h < p.heads; ++h) {
      const size_t offset = static_cast<size_t>(h) * p.head_dim;
      float* query = p.out + row * p.heads * p.head_dim + offset;
      prepare_head(p, p.q_norm, rope, scale, p.qkv + row * row_floats + offset, query);
      if (traits_of(p.pool.dtype).rotated) rotate_head(query, p.head_dim);
    }
  }
  for (int h = 0; h < p.kv_heads; ++h) append_keys(p, run, h);
}

}  // namespace
}  // namespace longhaul::attention
