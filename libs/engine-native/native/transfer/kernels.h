// The data movements of a transfer. All that differs between element types is how many words a row has. Every
// level moves exactly the same bits. Rows lie in the caller's memory and may be aligned to nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace longhaul::transfer {

using Move = void (*)(const std::byte* from, size_t count, std::byte* to);

struct Kernels {
  // K tile [count words][16 tokens] to rows [16 tokens][count words], and back. `count` is a multiple of 8.
  Move gather_rows;
  Move scatter_rows;
  // One pair of tokens of a bf16 V tile, [count dims][2 tokens], to two rows of dims, and back. `count` is a multiple
  // of 16.
  Move split_pair;
  Move join_pair;
  // Four tokens of an int8 V tile, [count dims][4 tokens], to four rows of dims, and back. `count` is a multiple of 16.
  Move split_quad;
  Move join_quad;
};

const Kernels& scalar_kernels();
// Null where the compiler's target or the processor has no AVX2.
const Kernels* avx2_kernels();
// The best of this machine.
const Kernels& kernels();

}  // namespace longhaul::transfer
