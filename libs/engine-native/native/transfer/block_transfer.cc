#include "block_transfer.h"

#include <cstring>
#include <string>

#include "../fault.h"
#include "kernels.h"

namespace longhaul::transfer {
namespace {

// Everything about one page, one layer and one KV head: its tiles in the pool, its rows in the two sections.
struct Piece {
  std::byte* key_tile;
  std::byte* value_tile;
  std::byte* key_rows;
  std::byte* value_rows;
};

// Two tokens of bf16.
constexpr size_t pair_bytes(size_t dims) { return 2 * 2 * dims; }

template <class F>
void for_each_piece(const KvPoolView& pool, const BlockTransfer& block, F&& move) {
  const size_t tile = key_tile_bytes(pool.dtype, pool.head_dim);
  for (int layer = block.layer_begin; layer < block.layer_end; ++layer) {
    const size_t pair = 2 * static_cast<size_t>(layer - block.layer_begin);
    for (int head = 0; head < pool.kv_heads; ++head) {
      for (size_t i = 0; i < block.pages.size(); ++i) {
        if (block.pages[i] == kSkippedPage) continue;
        std::byte* slice = pool.slice(layer, block.pages[i], head);
        const size_t offset = (static_cast<size_t>(head) * block.pages.size() + i) * tile;
        move(Piece{slice, slice + tile, block.sections[pair] + offset, block.sections[pair + 1] + offset});
      }
    }
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
  const size_t wanted = 2 * static_cast<size_t>(block.layer_end - block.layer_begin);
  if (block.sections.size() != wanted)
    throw invalid("sections", "must be " + std::to_string(wanted) + ": K and V of each layer");
}

void export_block(const KvPoolView& pool, const BlockTransfer& block) {
  const Kernels& k = kernels();
  const size_t dims = static_cast<size_t>(pool.head_dim);
  for_each_piece(pool, block, [&](const Piece& piece) {
    if (pool.dtype == KvDtype::kF32) {
      k.gather_rows(piece.key_tile, dims, piece.key_rows);
      std::memcpy(piece.value_rows, piece.value_tile, key_tile_bytes(pool.dtype, pool.head_dim));
      return;
    }
    k.gather_rows(piece.key_tile, dims / 2, piece.key_rows);
    for (size_t at = 0; at < key_tile_bytes(pool.dtype, pool.head_dim); at += pair_bytes(dims))
      k.split_pair(piece.value_tile + at, dims, piece.value_rows + at);
  });
}

void import_block(const KvPoolView& pool, const BlockTransfer& block) {
  const Kernels& k = kernels();
  const size_t dims = static_cast<size_t>(pool.head_dim);
  for_each_piece(pool, block, [&](const Piece& piece) {
    if (pool.dtype == KvDtype::kF32) {
      k.scatter_rows(piece.key_rows, dims, piece.key_tile);
      std::memcpy(piece.value_tile, piece.value_rows, key_tile_bytes(pool.dtype, pool.head_dim));
      return;
    }
    k.scatter_rows(piece.key_rows, dims / 2, piece.key_tile);
    for (size_t at = 0; at < key_tile_bytes(pool.dtype, pool.head_dim); at += pair_bytes(dims))
      k.join_pair(piece.value_rows + at, dims, piece.value_tile + at);
  });
}

}  // namespace longhaul::transfer
