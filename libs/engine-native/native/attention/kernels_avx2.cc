// AVX2 and FMA: bf16 lanes are widened to f32 on the way into the multiplier.
#include "kernels.h"
#include "scratch.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#pragma GCC target("avx2,fma")

#include "simd256.h"

#include "append_kernel.h"
#include "tile_kernel.h"

namespace longhaul::attention {
namespace {
constexpr KernelTable kBf16Table{append_run, run_tile<PairFma<Vec256, 2>>, merge_parts<Vec256>};
constexpr KernelTable kF32Table{append_run, run_tile<SingleFma<Vec256, 2>>, merge_parts<Vec256>};
}  // namespace

const KernelTable* avx2_kernels(KvDtype dtype) { return dtype == KvDtype::kBf16 ? &kBf16Table : &kF32Table; }

}  // namespace longhaul::attention

#else

namespace longhaul::attention {
const KernelTable* avx2_kernels(KvDtype) { return nullptr; }
}  // namespace longhaul::attention

#endif
