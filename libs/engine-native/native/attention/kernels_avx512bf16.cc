// AVX-512 with bf16 dot products: queries and probabilities in bf16, sums in f32.
#include "kernels.h"
#include "scratch.h"
#include "scoring/score_table.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

// GCC 12's own AVX-512 header passes an undefined operand to masked builtins and then warns about it.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#ifndef LONGHAUL_EMULATE_AVX512
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")
#endif

#define LONGHAUL_BF16_DOT
#include "simd512.h"

#include "append_kernel.h"
#include "tile_kernel.h"

namespace longhaul::attention {
namespace {
constexpr KernelTable kBf16Table{append_run, run_tile<PairDot<Vec512>>, merge_parts<Vec512>, &kAvx512DotBf16Scores};
}  // namespace

const KernelTable* avx512bf16_kernels(KvDtype dtype) {
  return dtype == KvDtype::kBf16 ? &kBf16Table : avx512_kernels(dtype);
}

}  // namespace longhaul::attention

#else

namespace longhaul::attention {
const KernelTable* avx512bf16_kernels(KvDtype) { return nullptr; }
}  // namespace longhaul::attention

#endif
