// Moves KV between pages of a pool and the stored layout, in which a section is what one layer keeps of one kind (K or
// V) for a run of tokens: [kv_head][token][dim], dense, in the pool's element type. Bits are moved, never converted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "../attention/kv_layout.h"

namespace longhaul::transfer {

// Stands for a page that is left alone in an import: the pool has those tokens already, or does not want them.
constexpr int32_t kSkippedPage = -1;

// A run of tokens over some layers: the pages that hold them, kPageTokens each, and one K and one V section per layer,
// in that order, layer by layer.
struct BlockTransfer {
  std::span<const int32_t> pages;
  int layer_begin = 0;
  int layer_end = 0;
  std::span<std::byte* const> sections;
};

// Bytes of one section of so many pages.
constexpr size_t section_bytes(const KvPoolView& pool, size_t pages) {
  return key_tile_bytes(pool.dtype, pool.head_dim) * static_cast<size_t>(pool.kv_heads) * pages;
}

// Throws Fault (kInvalidArgument) for pages, layers or a number of sections that the pool does not have.
void require_valid(const KvPoolView& pool, const BlockTransfer& block, bool may_skip);

// Pages to sections. The pages must not change meanwhile: they are sealed, and held by the caller.
void export_block(const KvPoolView& pool, const BlockTransfer& block);

// Sections to pages. Nobody may read or write the pages meanwhile: they are reserved, and in no block table.
void import_block(const KvPoolView& pool, const BlockTransfer& block);

}  // namespace longhaul::transfer
