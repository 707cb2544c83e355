// Append in plain loops, which every kernel level compiles (and vectorises) for itself: include it behind the level's
// `#pragma GCC target`. Internal linkage throughout.
#pragma once

#include <cstdint>
#include <cstring>

#include "bf16.h"
#include "kernels.h"
#include "head_basis.h"

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

/** Largest magnitude of a row of finite numbers; NaN where one is not finite. `dims` is a multiple of 16. */
float largest_magnitude(const float* x, int dims) {
  float lanes[16] = {};
  float zeros[16] = {};
  for (int d = 0; d < dims; d += 16) {
    for (int i = 0; i < 16; ++i) {
      const float size = __builtin_fabsf(x[d + i]);
      lanes[i] = size > lanes[i] ? size : lanes[i];
      zeros[i] += x[d + i] * 0.0f;
    }
  }
  float largest = 0.0f;
  float zero = 0.0f;
  for (int i = 0; i < 16; ++i) {
    largest = lanes[i] > largest ? lanes[i] : largest;
    zero += zeros[i];
  }
  return largest + zero;
}

/** Nearest whole number, ties to even, of |x| <= 2^22. */
inline int rounded(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: the sum's low bits are the number.
  const float shifted = x + kMagic;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  return bits - 0x4b400000;
}

/**
 * Quantises a row to [-127, 127] by its largest magnitude (one scale for all of it; symmetric, so that 0 stays 0).
 * Returns the scale, which is NaN where a number is not finite: what is computed with it is then NaN, too, and the
 * sampler finds it.
 */
float quantise_row(const float* x, int dims, int8_t* to) {
  constexpr float kNothing = 1e-30f;
  const float largest = largest_magnitude(x, dims);
  const float inverse = largest > kNothing ? 127.0f / largest : 0.0f;
  for (int d = 0; d < dims; ++d) to[d] = static_cast<int8_t>(rounded(x[d] * inverse));
  return largest > kNothing || largest != largest ? largest / 127.0f : 0.0f;
}

/** Key and value are kept rotated; `key` is rotated in place. */
void store_int8(std::byte* slice, int head_dim, int slot, float* key, const float* value) {
  alignas(64) int8_t bytes[kMaxHeadDim];
  SliceScales& scales = scales_of(slice, head_dim);
  rotate_head(key, head_dim);
  scales.key[slot] = quantise_row(key, head_dim, bytes);
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
  std::byte* slice = p.pool.slice(p.layer, run.page, kv_head);
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
