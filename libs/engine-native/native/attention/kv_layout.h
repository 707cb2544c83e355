// Layout of the paged KV pool: every layer has places, [kv head][place][K tile | V tile | scales]. A page has one place in
// each layer; which one, and in what memory, is the pool's business (../kv_pool.h). What a KV head keeps of places in a row
// is in a row, too, so that the processor's own prefetching follows a sequence from page to page.
//
// A slice is what one KV head keeps of one page (kPageTokens tokens of one layer), contiguous, so that attention over a
// list of pages reads whole slices. Tiles hold tokens side by side so that no kernel needs a horizontal sum:
//   bf16  K [head_dim / 2][16 tokens][2 dims]   V [16 tokens / 2][head_dim][2 tokens]
//   f32   K [head_dim][16 tokens]               V [16 tokens][head_dim]
//   int8  K [head_dim / 4][16 tokens][4 dims]   V [16 tokens / 4][head_dim][4 tokens]   scales, see SliceScales
// int8 keeps both in the rotated basis (head_basis.h), keys as unsigned bytes, value + 128, and values as signed ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kv_metadata.h"

namespace longhaul {

/** Tokens of a page. Fixed: the tiles are one cache line per dimension pair because of it. */
constexpr int kPageTokens = 16;

/** Head dimensions are multiples of kHeadDimStep in [kMinHeadDim, kMaxHeadDim]. */
constexpr int kHeadDimStep = 16;
constexpr int kMinHeadDim = 32;
constexpr int kMaxHeadDim = 256;

/** What the pool keeps of a key or a value. */
enum class KvDtype : uint8_t { kBf16, kF32, kInt8 };
constexpr KvDtype kKvDtypes[] = {KvDtype::kBf16, KvDtype::kF32, KvDtype::kInt8};

/** Everything that sizes and names depend on. The one place: whoever adds a type is led here by the compiler. */
struct KvTraits {
  const char* name;
  /** Bytes of one dimension of one key or value. */
  int element_bytes;
  /** Bytes behind the tiles of a slice; a multiple of 64. */
  int scale_bytes;
  /** Keys and values are kept rotated over the head dimension (head_basis.h). */
  bool rotated;
};

/**
 * Scales of an int8 slice, one per token. A key is byte * key, a value byte / inverse_value. `log2_value` is the
 * logarithm of the value's scale. A value of zeros has the scale kLeastScale, so that all three are finite.
 */
struct SliceScales {
  float key[kPageTokens];
  float inverse_value[kPageTokens];
  /** Follows from inverse_value: set_value_scale. */
  float log2_value[kPageTokens];
};
static_assert(sizeof(SliceScales) % 64 == 0);
constexpr float kLeastScale = 1e-20f;

constexpr KvTraits traits_of(KvDtype dtype) {
  switch (dtype) {
    case KvDtype::kBf16:
      return {"bf16", 2, 0, false};
    case KvDtype::kF32:
      return {"f32", 4, 0, false};
    case KvDtype::kInt8:
      return {"int8", 1, sizeof(SliceScales), true};
  }
  __builtin_unreachable();
}

/** Bytes of the K tile alone; the V tile follows it. A multiple of 64. */
constexpr size_t key_tile_bytes(KvDtype dtype, int head_dim) {
  return static_cast<size_t>(traits_of(dtype).element_bytes) * static_cast<size_t>(head_dim) * kPageTokens;
}

/** Bytes of K and V of one page, one layer, one KV head. A multiple of 64. */
constexpr size_t slice_bytes(KvDtype dtype, int head_dim) {
  return 2 * key_tile_bytes(dtype, head_dim) + static_cast<size_t>(traits_of(dtype).scale_bytes);
}

inline void set_value_scale(SliceScales& scales, int slot, float inverse) {
  scales.inverse_value[slot] = inverse;
  scales.log2_value[slot] = -__builtin_log2f(inverse);
}

/** The scales of an int8 slice. */
inline SliceScales& scales_of(std::byte* slice, int head_dim) {
  return *reinterpret_cast<SliceScales*>(slice + 2 * key_tile_bytes(KvDtype::kInt8, head_dim));
}
inline const SliceScales& scales_of(const std::byte* slice, int head_dim) {
  return *reinterpret_cast<const SliceScales*>(slice + 2 * key_tile_bytes(KvDtype::kInt8, head_dim));
}

/** Bytes of a whole pool. */
constexpr size_t pool_bytes(KvDtype dtype, int layers, int pages, int kv_heads, int head_dim, KvChannels channels = {}) {
  return (slice_bytes(dtype, head_dim) + channels.bytes(head_dim)) * static_cast<size_t>(layers) * static_cast<size_t>(pages) *
         static_cast<size_t>(kv_heads);
}

/** Where one layer of a pool is, aligned to 64 bytes. */
struct KvLayerView {
  /** [kv head][place] */
  std::byte* slices = nullptr;
  /** [kv head][place] what the pool keeps beside each; null: nothing. */
  std::byte* metadata = nullptr;
  /** Of a KV head. */
  int places = 0;
  /** [pages] the place of each page; null: a page has the place of its own number. */
  const int32_t* place_of = nullptr;
};

/** A pool somebody else owns. */
struct KvPoolView {
  /** [layers] */
  const KvLayerView* layer_views = nullptr;
  KvDtype dtype = KvDtype::kBf16;
  int layers = 0;
  int pages = 0;
  int kv_heads = 0;
  int head_dim = 0;
  /** What is kept beside every slice. */
  KvChannels channels = {};

  std::byte* slice(int layer, int page, int kv_head) const {
    return layer_views[layer].slices + index_of(layer, page, kv_head) * slice_bytes(dtype, head_dim);
  }

  /** KvChannels::bytes() of them; only where the pool has channels. */
  std::byte* metadata(int layer, int page, int kv_head) const {
    return layer_views[layer].metadata + index_of(layer, page, kv_head) * channels.bytes(head_dim);
  }

  /** Only where the pool has KvChannel::kKeyBounds. Of the tokens that the page holds, once appending has told of them. */
  KeyBounds key_bounds(int layer, int page, int kv_head) const {
    const std::byte* at = metadata(layer, page, kv_head) + channels.offset_of(KvChannel::kKeyBounds, head_dim);
    const auto* least = reinterpret_cast<const uint16_t*>(at);
    return {least, least + head_dim};
  }

 private:
  size_t index_of(int layer, int page, int kv_head) const {
    const KvLayerView& view = layer_views[layer];
    const int place = view.place_of == nullptr ? page : view.place_of[page];
    return static_cast<size_t>(kv_head) * static_cast<size_t>(view.places) + static_cast<size_t>(place);
  }
};

/** Puts `layers` of a pool, with so many places each, into pool_bytes() of memory: the slices of all, then the metadata. */
inline void lay_out_layers(const KvPoolView& pool, int places, std::byte* memory, std::span<KvLayerView> layers) {
  const size_t slices = pool_bytes(pool.dtype, 1, places, pool.kv_heads, pool.head_dim);
  const size_t metadata = pool.channels.bytes(pool.head_dim) * static_cast<size_t>(places) * static_cast<size_t>(pool.kv_heads);
  std::byte* behind = memory + slices * layers.size();
  for (size_t i = 0; i < layers.size(); ++i) {
    layers[i].slices = memory + slices * i;
    layers[i].places = places;
    layers[i].metadata = metadata == 0 ? nullptr : behind + metadata * i;
  }
}

}  // namespace longhaul
