// AMX with bf16 products: queries and probabilities in bf16, sums in f32, the rest by AVX-512. Head sizes that tiles do not
// fit are computed by the bf16 dot product of AVX-512.
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

#include "bf16_amx_tile.h"
#include "append_kernel.h"
#include "tile_kernel.h"

namespace longhaul::attention {
namespace {
using Op = PairDot<Vec512>;

void run_bf16_tile(const TileJob& job) {
  if (!fits_amx(job.pool.head_dim)) return run_tile<Op>(job);
  run_amx_tile<Op>(job);
}

constexpr KernelTable kBf16Table{append_run, run_bf16_tile, merge_parts<Vec512>, &kAvx512DotBf16Scores};
}  // namespace

const KernelTable* amx_bf16_kernels(KvDtype dtype) { return dtype == KvDtype::kBf16 ? &kBf16Table : nullptr; }

}  // namespace longhaul::attention

#else

namespace longhaul::attention {
const KernelTable* amx_bf16_kernels(KvDtype) { return nullptr; }
}  // namespace longhaul::attention

#endif
