// AMX tiles, and AVX-512 with byte dot products (VNNI) where there are few rows: the int8 pool.
#include "kernels.h"
#include "scratch.h"
#include "scoring/score_table.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

// GCC 12's own AVX-512 header passes an undefined operand to masked builtins and then warns about it.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#ifndef LONGHAUL_EMULATE_AVX512
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")
#endif
#define LONGHAUL_INTEGER_512
#include "simd512.h"

#include "append_kernel.h"
#include "integer_amx_tile.h"

namespace longhaul::attention {
namespace {
constexpr KernelTable kInt8Table{append_run, run_integer_amx_tile<Dot512>, merge_integer_parts<Vec512>, &kAvx512VnniInt8Scores};
}  // namespace

const KernelTable* amx_kernels(KvDtype dtype) { return dtype == KvDtype::kInt8 ? &kInt8Table : nullptr; }

}  // namespace longhaul::attention

#else

namespace longhaul::attention {
const KernelTable* amx_kernels(KvDtype) { return nullptr; }
}  // namespace longhaul::attention

#endif
