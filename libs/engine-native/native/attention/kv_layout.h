// Layout of the paged KV pool: one arena, [layer][page][kv head][K tile | V tile].
//
// A slice is what one KV head keeps of one page (kPageTokens tokens of one layer), contiguous, so that attention over a
// list of pages reads whole slices. Tiles hold tokens side by side so that no kernel needs a horizontal sum:
//   bf16  K [head_dim / 2][16 tokens][2 dims]   V [16 tokens / 2][head_dim][2 tokens]
//   f32   K [head_dim][16 tokens]               V [16 tokens][head_dim]
#pragma once

#include <cstddef>
#include <cstdint>

namespace longhaul {

/** Tokens of a page. Fixed: the tiles are one cache line per dimension pair because of it. */
constexpr int kPageTokens = 16;

/** Head dimensions are multiples of kHeadDimStep in [kMinHeadDim, kMaxHeadDim]. */
constexpr int kHeadDimStep = 16;
constexpr int kMinHeadDim = 32;
constexpr int kMaxHeadDim = 256;

/**
 * Element type of the pool. Narrower types (with row scales inside the slice) only need a new slice_bytes and kernels.
 */
enum class KvDtype : uint8_t { kBf16, kF32 };

/** Bytes of the K tile alone; the V tile follows it. A multiple of 64. */
constexpr size_t key_tile_bytes(KvDtype dtype, int head_dim) {
  const size_t element = dtype == KvDtype::kBf16 ? 2 : 4;
  return element * static_cast<size_t>(head_dim) * kPageTokens;
}

/** Bytes of K and V of one page, one layer, one KV head. A multiple of 64. */
constexpr size_t slice_bytes(KvDtype dtype, int head_dim) { return 2 * key_tile_bytes(dtype, head_dim); }

/** Bytes of a whole pool. */
constexpr size_t pool_bytes(KvDtype dtype, int layers, int pages, int kv_heads, int head_dim) {
  return slice_bytes(dtype, head_dim) * static_cast<size_t>(layers) * static_cast<size_t>(pages) *
         static_cast<size_t>(kv_heads);
}

/** A pool somebody else owns. `base` is aligned to 64 bytes. */
struct KvPoolView {
  std::byte* base = nullptr;
  KvDtype dtype = KvDtype::kBf16;
  int layers = 0;
  int pages = 0;
  int kv_heads = 0;
  int head_dim = 0;

  std::byte* slice(int layer, int page, int kv_head) const {
    const size_t index =
        (static_cast<size_t>(layer) * pages + static_cast<size_t>(page)) * kv_heads + static_cast<size_t>(kv_head);
    return base + index * slice_bytes(dtype, head_dim);
  }
};

}  // namespace longhaul
