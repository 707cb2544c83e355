#include "block_transfer.h"

#include <cstring>
#include <string>

#include "../attention/slice_metadata.h"
#include "../fault.h"
#include "kernels.h"

namespace longhaul::transfer {
namespace {

// Everything about one page, one layer and one KV head: its slice in the pool, its rows in the sections.
struct Piece {
  std::byte* slice;
  std::byte* key_rows;
  std::byte* value_rows;
  // Null where the type has no scales.
  std::byte* key_scales;
  std::byte* inverse_value_scales;
};

// Two tokens of bf16.
constexpr size_t pair_bytes(size_t dims) { return 2 * 2 * dims; }
// Four tokens of int8.
constexpr size_t quad_bytes(size_t dims) { return 4 * dims; }
constexpr size_t kScaleBytes = sizeof(float) * kPageTokens;

// Where the pages are filled, their metadata is made, too: it is a function of the keys, and is not stored.
template <class F>
void for_each_piece(const KvPoolView& pool, const BlockTransfer& block, bool fills, F&& move) {
  const size_t tile = key_tile_bytes(pool.dtype, pool.head_dim);
  const int parts = sections_per_layer(pool.dtype);
  for (int layer = block.layer_begin; layer < block.layer_end; ++layer) {
    std::byte* const* sections = block.sections.data() + static_cast<size_t>(parts * (layer - block.layer_begin));
    for (int head = 0; head < pool.kv_heads; ++head) {
      for (size_t i = 0; i < block.pages.size(); ++i) {
        if (block.pages[i] == kSkippedPage) continue;
        const size_t at = static_cast<size_t>(head) * block.pages.size() + i;
        Piece piece{pool.slice(layer, block.pages[i], head), sections[0] + at * tile, sections[1] + at * tile, nullptr,
                    nullptr};
        if (parts > 2) {
          piece.key_scales = sections[2] + at * kScaleBytes;
          piece.inverse_value_scales = sections[3] + at * kScaleBytes;
        }
        move(piece);
        if (fills && pool.channels.any()) attention::update_metadata(pool, layer, block.pages[i], head, kPageTokens);
      }
    }
  }
}

// Rows of keys have so many words. The vector kernels want multiples of 8, which 8-bit keys of odd shapes are not.
const Kernels& kernels_for(size_t words) { return words % 8 == 0 ? kernels() : scalar_kernels(); }

void export_values(const KvPoolView& pool, const std::byte* tile, std::byte* rows) {
  const size_t dims = static_cast<size_t>(pool.head_dim);
  const size_t bytes = key_tile_bytes(pool.dtype, pool.head_dim);
  switch (pool.dtype) {
    case KvDtype::kF32:
      std::memcpy(rows, tile, bytes);
      return;
    case KvDtype::kBf16:
      for (size_t at = 0; at < bytes; at += pair_bytes(dims)) kernels().split_pair(tile + at, dims, rows + at);
      return;
    case KvDtype::kInt8:
      for (size_t at = 0; at < bytes; at += quad_bytes(dims)) kernels().split_quad(tile + at, dims, rows + at);
      return;
  }
}

void import_values(const KvPoolView& pool, const std::byte* rows, std::byte* tile) {
  const size_t dims = static_cast<size_t>(pool.head_dim);
  const size_t bytes = key_tile_bytes(pool.dtype, pool.head_dim);
  switch (pool.dtype) {
    case KvDtype::kF32:
      std::memcpy(tile, rows, bytes);
      return;
    case KvDtype::kBf16:
      for (size_t at = 0; at < bytes; at += pair_bytes(dims)) kernels().join_pair(rows + at, dims, tile + at);
      return;
    case KvDtype::kInt8:
      for (size_t at = 0; at < bytes; at += quad_bytes(dims)) kernels().join_quad(rows + at, dims, tile + at);
      return;
  }
}

void import_scales(const Piece& piece, int head_dim) {
  SliceScales& scales = scales_of(piece.slice, head_dim);
  std::memcpy(scales.key, piece.key_scales, kScaleBytes);
  for (int slot = 0; slot < kPageTokens; ++slot) {
    float inverse;
    std::memcpy(&inverse, piece.inverse_value_scales + sizeof inverse * static_cast<size_t>(slot), sizeof inverse);
    set_value_scale(scales, slot, inverse);
  }
}

}  // namespace

void require_valid(const KvPoolView& pool, const BlockTransfer& block, bool may_skip) {
  if (block.pages.empty()) throw invalid("pages", "must name at least one page");
  for (const int32_t page : block.pages) {
    if (may_skip && page == kSkippedPage) continue;
    if (page < 0 || page >= pool.pages)
      throw invalid("pages", "page " + std::to_string(page) + " is outside [0, " + std::to_string(pool.pages) + ")");
  }
  if (block.layer_begin < 0 || block.layer_begin >= block.layer_end || block.layer_end > pool.layers)
    throw invalid("layers", "[" + std::to_string(block.layer_begin) + ", " + std::to_string(block.layer_end) +
                                ") is not a range of the pool's " + std::to_string(pool.layers) + " layers");
  const int parts = sections_per_layer(pool.dtype);
  const size_t wanted = static_cast<size_t>(parts) * static_cast<size_t>(block.layer_end - block.layer_begin);
  if (block.sections.size() != wanted)
    throw invalid("sections", "must be " + std::to_string(wanted) + ": " + std::to_string(parts) + " of each layer");
}

void export_block(const KvPoolView& pool, const BlockTransfer& block) {
  const size_t tile = key_tile_bytes(pool.dtype, pool.head_dim);
  const size_t words = tile / (4 * kPageTokens);
  for_each_piece(pool, block, false, [&](const Piece& piece) {
    kernels_for(words).gather_rows(piece.slice, words, piece.key_rows);
    export_values(pool, piece.slice + tile, piece.value_rows);
    if (piece.key_scales == nullptr) return;
    const SliceScales& scales = scales_of(piece.slice, pool.head_dim);
    std::memcpy(piece.key_scales, scales.key, kScaleBytes);
    std::memcpy(piece.inverse_value_scales, scales.inverse_value, kScaleBytes);
  });
}

void import_block(const KvPoolView& pool, const BlockTransfer& block) {
  const size_t tile = key_tile_bytes(pool.dtype, pool.head_dim);
  const size_t words = tile / (4 * kPageTokens);
  for_each_piece(pool, block, true, [&](const Piece& piece) {
    kernels_for(words).scatter_rows(piece.key_rows, words, piece.slice);
    import_values(pool, piece.value_rows, piece.slice + tile);
    if (piece.key_scales != nullptr) import_scales(piece, pool.head_dim);
  });
}

}  // namespace longhaul::transfer
