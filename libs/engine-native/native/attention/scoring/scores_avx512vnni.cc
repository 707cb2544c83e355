// AVX-512 with byte dot products (VNNI): scorers of the int8 pool, queries in bytes.
#include "../kernels.h"
#include "../scratch.h"
#include "score_table.h"

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
#define LONGHAUL_SCORES_512
#include "../simd512.h"

#include "../integer_dot.h"

#include "score_kernels.h"

namespace longhaul::attention {

const ScoreTable kAvx512VnniInt8Scores = kScoresOf<FlatBytes512, IntegerProducts<Dot512>>;

}  // namespace longhaul::attention

#endif
