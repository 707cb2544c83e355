// Keys and queries in the basis that RoPE left them in, whatever basis the pool keeps. What scores or summarises keys
// starts from here. Plain loops, which every kernel level compiles for itself; internal linkage.
#pragma once

#include <cstring>

#include "attention.h"
#include "bf16.h"
#include "head_basis.h"

namespace longhaul::attention {
namespace {

/**
 * The key of a token of a page as the pool gives it back: dequantised, and turned back from the stored basis.
 *
 * @param key [head_dim], written. Not finite where the key that was stored was not.
 */
inline void stored_key(KvDtype dtype, const std::byte* slice, int head_dim, int token, float* __restrict__ key) {
  switch (dtype) {
    case KvDtype::kF32: {
      const auto* tile = reinterpret_cast<const float*>(slice);
      for (int d = 0; d < head_dim; ++d) key[d] = tile[d * kPageTokens + token];
      return;
    }
    case KvDtype::kBf16: {
      const auto* tile = reinterpret_cast<const uint16_t*>(slice);
      for (int d = 0; d < head_dim; ++d) key[d] = from_bf16(tile[(d / 2 * kPageTokens + token) * 2 + d % 2]);
      return;
    }
    case KvDtype::kInt8: {
      const auto* tile = reinterpret_cast<const uint8_t*>(slice);
      const float scale = scales_of(slice, head_dim).key[token];
      for (int d = 0; d < head_dim; ++d) {
        key[d] = static_cast<float>(tile[(d / 4 * kPageTokens + token) * 4 + d % 4] - 128) * scale;
      }
      rotate_head(key, head_dim);
      return;
    }
  }
}

/** The value of a token of a page as the pool gives it back, like stored_key. */
inline void stored_value(KvDtype dtype, const std::byte* slice, int head_dim, int token, float* __restrict__ value) {
  const std::byte* tile = slice + key_tile_bytes(dtype, head_dim);
  switch (dtype) {
    case KvDtype::kF32:
      std::memcpy(value, reinterpret_cast<const float*>(tile) + token * head_dim, sizeof(float) * static_cast<size_t>(head_dim));
      return;
    case KvDtype::kBf16: {
      const auto* pairs = reinterpret_cast<const uint16_t*>(tile);
      for (int d = 0; d < head_dim; ++d) value[d] = from_bf16(pairs[(token / 2 * head_dim + d) * 2 + token % 2]);
      return;
    }
    case KvDtype::kInt8: {
      const auto* quads = reinterpret_cast<const int8_t*>(tile);
      const float inverse = scales_of(slice, head_dim).inverse_value[token];
      for (int d = 0; d < head_dim; ++d) value[d] = static_cast<float>(quads[(token / 4 * head_dim + d) * 4 + token % 4]) / inverse;
      rotate_head(value, head_dim);
      return;
    }
  }
}

/**
 * A query of a call as RoPE left it, times the softmax scale in units of log2 (or of tanh's argument with a soft-cap).
 * To be asked for between appending and executing: the output holds the queries then.
 *
 * @param row of the batch.
 * @param query [head_dim], written.
 */
inline void prepared_query(const AttentionProblem& problem, int row, int head, float* query) {
  const size_t at = (static_cast<size_t>(row) * static_cast<size_t>(problem.heads) + static_cast<size_t>(head));
  std::memcpy(query, problem.out + at * static_cast<size_t>(problem.head_dim),
              sizeof(float) * static_cast<size_t>(problem.head_dim));
  if (traits_of(problem.pool.dtype).rotated) rotate_head(query, problem.head_dim);
}

}  // namespace
}  // namespace longhaul::attention
