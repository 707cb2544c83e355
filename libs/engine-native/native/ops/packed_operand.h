#pragma once

#include "../linear/packed_weights.h"
#include "kernel_context.h"

namespace longhaul::ops {

// Attributes and inputs that LinearNBits and EmbeddingPacked share: rows (N), cols (K), bits; values u8[panels, blocks,
// tile bytes] and scales f16[panels, blocks, 16] in the order of linear/packed_weights.h.
struct PackedShape {
  int rows, cols, bits;

  explicit PackedShape(const Attributes& attributes)
      : rows(attributes.integer("rows", 1, 1 << 24)),
        cols(attributes.integer("cols", linear::kBlockCols, 1 << 20)),
        bits(attributes.integer("bits", 4, 8)) {
    if (bits != 4 && bits != 8) throw invalid("bits", "must be 4 or 8, got " + std::to_string(bits));
    if (cols % linear::kBlockCols) throw invalid("cols", "must be a multiple of 32, got " + std::to_string(cols));
  }

  linear::PackedWeights weights(const Tensor<uint8_t>& values, const Tensor<uint16_t>& scales) const {
    linear::PackedWeights w{values.data, scales.data, rows, cols, bits};
    values.require_shape({w.panels(), w.blocks(), int64_t(w.tile_bytes())});
    scales.require_shape({w.panels(), w.blocks(), linear::kPanelRows});
    return w;
  }
};

}  // namespace longhaul::ops
