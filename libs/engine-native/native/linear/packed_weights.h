// Quantised weights of a linear layer, in the order in which the kernels read them.
//
// A weight matrix has `rows` outputs and `cols` inputs. Sixteen outputs form a panel; a panel is cut into blocks of 32
// inputs. Each (panel, block) has sixteen scales (one per output) and a tile of 16 x 32 values, stored for the four-way
// byte dot product: first the inputs 0..3 of all sixteen outputs, then the inputs 4..7, and so on.
//
//   values  [panels][blocks][8 quads][16 outputs][4 inputs]       int8: one byte, biased by 128
//   values  [panels][blocks][4 quad pairs][16 outputs][4 inputs]  int4: low nibble = first quad of the pair, high nibble =
//                                                                 second, biased by 8
//   scales  [panels][blocks][16 outputs]                          IEEE half
//
// The bias makes the stored value unsigned, which the byte dot product wants of one operand. Outputs beyond `rows` in the
// last panel are zero with scale zero. The file on disk has the same order, so weights are used from the page cache as they are.
#pragma once
#include <cstddef>
#include <cstdint>

namespace longhaul::linear {

constexpr int kPanelRows = 16;
constexpr int kBlockCols = 32;
constexpr int kQuads = kBlockCols / 4;

struct PackedWeights {
  const uint8_t* values;
  const uint16_t* scales;
  int rows;
  int cols;  // a multiple of kBlockCols
  int bits;  // 8 or 4

  int panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  int blocks() const { return cols / kBlockCols; }
  size_t tile_bytes() const { return size_t(kPanelRows) * kBlockCols * bits / 8; }
  const uint8_t* panel_values(int panel) const { return values + size_t(panel) * blocks() * tile_bytes(); }
  const uint16_t* panel_scales(int panel) const { return scales + size_t(panel) * blocks() * kPanelRows; }
  size_t value_bytes() const { return size_t(panels()) * blocks() * tile_bytes(); }
  size_t scale_count() const { return size_t(panels()) * blocks() * kPanelRows; }
};

}  // namespace longhaul::linear
