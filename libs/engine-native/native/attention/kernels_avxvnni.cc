// AVX-VNNI, byte dot products of 256 bits: the int8 pool of processors without AVX-512.
#include "kernels.h"
#include "scratch.h"
#include "scoring/score_table.h"

#ifdef LONGHAUL_HAS_AVX_VNNI

#include <immintrin.h>

#include <cstring>

#pragma GCC target("avxvnni,avx2,fma")
#define LONGHAUL_INTEGER_256
#define LONGHAUL_AVX_VNNI
#include "simd256.h"

#include "append_kernel.h"
#include "integer_tile.h"

namespace longhaul::attention {
namespace {
constexpr KernelTable kInt8Table{append_run, run_integer_tile<Dot256>, merge_integer_parts<Vec256>, &kAvx2Int8Scores};
}  // namespace

const KernelTable* avxvnni_kernels(KvDtype dtype) { return dtype == KvDtype::kInt8 ? &kInt8Table : nullptr; }

}  // namespace longhaul::attention

#endif
