// Keeps the metadata of a page true: whoever has written keys to a page calls update_metadata(). It starts anew from
// the keys that the page holds, never from what the metadata said, so tokens that were refused and written over, or
// that belonged to whoever had the page before, leave nothing behind. Plain loops, which every kernel level compiles for
// itself; all get the same bits. Internal linkage.
#pragma once

#include "stored_key.h"

namespace longhaul::attention {
namespace {

/** Least (greatest) finite bf16. */
constexpr uint16_t kLeastBf16 = 0xff7f;
constexpr uint16_t kGreatestBf16 = 0x7f7f;

/** The greatest bf16 that is not above a finite number; beyond the range of bf16 (3.39e38) its end. */
inline uint16_t bf16_at_most(float x) {
  const uint32_t bits = float_bits(x);
  const bool away_from_zero = (bits >> 31) != 0 && (bits & 0xffffu) != 0;
  const uint16_t result = static_cast<uint16_t>((bits >> 16) + (away_from_zero ? 1u : 0u));
  return result == 0xff80 ? kLeastBf16 : result;
}

/** The least bf16 that is not below a finite number; beyond the range of bf16 its end. */
inline uint16_t bf16_at_least(float x) { return static_cast<uint16_t>(bf16_at_most(-x) ^ 0x8000u); }

/**
 * KvChannel::kKeyBounds over the first `tokens` of a slice. A dimension in which some key is not finite gets the widest
 * finite bounds, so that whoever chooses by them takes the page, and the fault is not swallowed.
 */
inline void bound_keys(KvDtype dtype, const std::byte* slice, int head_dim, int tokens, uint16_t* least) {
  alignas(64) float key[kMaxHeadDim];
  alignas(64) float low[kMaxHeadDim];
  alignas(64) float high[kMaxHeadDim];
  alignas(64) float faults[kMaxHeadDim] = {};
  for (int token = 0; token < tokens; ++token) {
    stored_key(dtype, slice, head_dim, token, key);
    for (int d = 0; d < head_dim; ++d) {
      low[d] = token > 0 && !(key[d] < low[d]) ? low[d] : key[d];
      high[d] = token > 0 && !(key[d] > high[d]) ? high[d] : key[d];
      faults[d] += key[d] * 0.0f;
    }
  }
  for (int d = 0; d < head_dim; ++d) {
    const bool finite = faults[d] == 0.0f;
    least[d] = finite ? bf16_at_most(low[d]) : kLeastBf16;
    least[head_dim + d] = finite ? bf16_at_least(high[d]) : kGreatestBf16;
  }
}

/** Makes the metadata of a page that holds `tokens` tokens, in one layer and KV head; at kPageTokens it is final. */
inline void update_metadata(const KvPoolView& pool, int layer, int page, int kv_head, int tokens) {
  std::byte* metadata = pool.metadata(layer, page, kv_head);
  const std::byte* slice = pool.slice(layer, page, kv_head);
  for (const KvChannel channel : kKvChannels) {
    if (!pool.channels.has(channel)) continue;
    switch (channel) {
      case KvChannel::kKeyBounds:
        bound_keys(pool.dtype, slice, pool.head_dim, tokens,
                   reinterpret_cast<uint16_t*>(metadata + pool.channels.offset_of(channel, pool.head_dim)));
        break;
    }
  }
}

}  // namespace
}  // namespace longhaul::attention
