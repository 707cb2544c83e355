// AVX2 and FMA: bf16 lanes are widened to f32 on the way into the multiplier.
#include "kernels.h"
#include "scratch.h"
#include "scoring/score_table.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#pragma GCC target("avx2,fma")

#define LONGHAUL_INTEGER_256
#include "simd256.h"

#include "append_kernel.h"
#include "integer_tile.h"
#include "tile_kernel.h"

namespace longhaul::attention {
namespace {
constexpr KernelTable kBf16Table{append_run, run_tile<PairFma<Vec256, 2>>, merge_parts<Vec256>, &kAvx2Bf16Scores};
constexpr KernelTable kF32Table{append_run, run_tile<SingleFma<Vec256, 2>>, merge_parts<Vec256>, &kAvx2F32Scores};
constexpr KernelTable kInt8Table{append_run, run_integer_tile<Dot256>, merge_integer_parts<Vec256>, &kAvx2Int8Scores};
}  // namespace

const KernelTable* avx2_kernels(KvDtype dtype) {
  switch (dtype) {
    case KvDtype::kBf16:
      return &kBf16Table;
    case KvDtype::kF32:
      return &kF32Table;
    case KvDtype::kInt8:
      return &kInt8Table;
  }
  return nullptr;
}

}  // namespace longhaul::attention

#else

namespace longhaul::attention {
const KernelTable* avx2_kernels(KvDtype) { return nullptr; }
}  // namespace longhaul::attention

#endif
