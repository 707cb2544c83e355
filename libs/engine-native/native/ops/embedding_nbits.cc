#include "embedding_nbits.h"

namespace longhaul::ops {
namespace {

constexpr int64_t kRowsPerUnit = 16;

void decode_bytes(const uint8_t* codes, float scale, int count, float* out) {
  for (int i = 0; i < count; i++) out[i] = static_cast<float>(int{codes[i]} - 128) * scale;
}

void decode_nibbles(const uint8_t* codes, float scale, int count, float* out) {
  for (int i = 0; i < count / 2; i++) {
    out[2 * i] = static_cast<float>((codes[i] & 15) - 8) * scale;
    out[2 * i + 1] = static_cast<float>((codes[i] >> 4) - 8) * scale;
  }
}

}  // namespace

EmbeddingNBits::EmbeddingNBits(const Attributes& attributes)
    : bits_(attributes.integer("bits", 4, 8)),
      block_(attributes.integer("block_size", 16, 256)),
      hidden_(attributes.integer("hidden", 1, 1 << 20)) {
  if (bits_ != 4 && bits_ != 8) throw invalid("bits", "must be 4 or 8, got " + std::to_string(bits_));
  if (block_ % 2) throw invalid("block_size", "must be even, got " + std::to_string(block_));
  if (hidden_ % block_) throw invalid("hidden", "must be a multiple of block_size " + std::to_string(block_));
}

void EmbeddingNBits::decode_row(const uint8_t* codes, const float* scales, float* out) const {
  const int bytes = block_ * bits_ / 8;
  for (int b = 0; b < hidden_ / block_; b++) {
    if (bits_ == 8) decode_bytes(codes + b * bytes, scales[b], block_, out + b * block_);
    else decode_nibbles(codes + b * bytes, scales[b], block_, out + b * block_);
  }
}

void EmbeddingNBits::compute(const KernelContext& context) {
  const auto ids = context.input<int32_t>(0, "input_ids");
  const auto codes = context.input<uint8_t>(1, "codes");
  const auto scales = context.input<float>(2, "scales");
  const int64_t blocks = hidden_ / block_, bytes = block_ * bits_ / 8;
  ids.require_rank(1);
  codes.require_rank(3);
  const int64_t vocab = codes[0];
  codes.require_shape({vocab, blocks, bytes});
  if (scales.count() != vocab * blocks)
    throw invalid(scales.name, "must have " + std::to_string(vocab * blocks) + " elements");
  for (int64_t t = 0; t < ids[0]; t++)
    if (ids.data[t] < 0 || ids.data[t] >= vocab)
      throw invalid(ids.name, "token " + std::to_string(ids.data[t]) + " is outside [0, " + std::to_string(vocab) + ")");

  float* out = context.output(0, {ids[0], hidden_});
  const int64_t units = (ids[0] + kRowsPerUnit - 1) / kRowsPerUnit;
  if (units == 0) return;
  context.parallel_for(units, [&](size_t unit) {
    const int64_t first = unit * kRowsPerUnit, last = std::min(first + kRowsPerUnit, ids[0]);
    for (int64_t t = first; t < last; t++)
      decode_row(codes.data + ids.data[t] * blocks * bytes, scales.data + ids.data[t] * blocks, out + t * hidden_);
  });
}

}  // namespace longhaul::ops
