// Moves KV between pages of a pool and the stored layout, in which a section is what one layer keeps of one kind for a
// run of tokens, dense: K and V [kv_head][token][dim] in the pool's element type; for int8 also the scales of K and the
// inverse scales of V, f32 [kv_head][token]. Bits are moved, never converted: keys of int8 stay rotated and offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "../attention/kv_layout.h"

namespace longhaul::transfer {

// Stands for a page that is left alone in an import: the pool has those tokens already, or does not want them.
constexpr int32_t kSkippedPage = -1;

// What a section holds, in the order in which the sections of a layer come.
enum class SectionPart { kKeys, kValues, kKeyScales, kInverseValueScales };

constexpr int sections_per_layer(KvDtype dtype) { return traits_of(dtype).scale_bytes > 0 ? 4 : 2; }

// A run of tokens over some layers: the pages that hold them, kPageTokens each, and the sections, layer by layer.
struct BlockTransfer {
  std::span<const int32_t> pages;
  int layer_begin = 0;
  int layer_end = 0;
  std::span<std::byte* const> sections;
};

// Bytes of one section of so many pages.
constexpr size_t section_bytes(const KvPoolView& pool, size_t pages, SectionPart part) {
  const bool scales = part == SectionPart::kKeyScales || part == SectionPart::kInverseValueScales;
  const size_t page = scales ? sizeof(float) * kPageTokens : key_tile_bytes(pool.dtype, pool.head_dim);
  return page * static_cast<size_t>(pool.kv_heads) * pages;
}

// Throws Fault (kInvalidArgument) for pages, layers or a number of sections that the pool does not have.
void require_valid(const KvPoolView& pool, const BlockTransfer& block, bool may_skip);

// Pages to sections. The pages must not change meanwhile: they are sealed, and held by the caller.
void export_block(const KvPoolView& pool, const BlockTransfer& block);

// Sections to pages; the pages' metadata is made of the keys. Nobody may read or write the pages meanwhile: they are reserved, and in no block table.
void import_block(const KvPoolView& pool, const BlockTransfer& block);

}  // namespace longhaul::transfer
