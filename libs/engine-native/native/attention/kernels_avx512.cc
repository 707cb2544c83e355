// AVX-512 without the bf16 dot product: f32 multiply-add on widened lanes. Also the f32 pool of every AVX-512 level.
#include "kernels.h"
#include "scratch.h"
#include "scoring/score_table.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

// GCC 12's own AVX-512 header passes an undefined operand to masked builtins and then warns about it.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#ifndef LONGHAUL_EMULATE_AVX512
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

#include "simd512.h"

#include "append_kernel.h"
#include "tile_kernel.h"

namespace longhaul::attention {
namespace {
constexpr KernelTable kBf16Table{append_run, run_tile<PairFma<Vec512, 2>>, merge_parts<Vec512>, &kAvx512Bf16Scores};
constexpr KernelTable kF32Table{append_run, run_tile<SingleFma<Vec512, 4>>, merge_parts<Vec512>, &kAvx512F32Scores};
}  // namespace

const KernelTable* avx512_kernels(KvDtype dtype) { return dtype == KvDtype::kBf16 ? &kBf16Table : &kF32Table; }

}  // namespace longhaul::attention

#else

namespace longhaul::attention {
const KernelTable* avx512_kernels(KvDtype) { return nullptr; }
}  // namespace longhaul::attention

#endif
