// AVX-512 with bf16 dot products: scorers of the bf16 pool, queries in bf16.
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
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")
#endif

#define LONGHAUL_SCORES_512
#define LONGHAUL_BF16_DOT
#include "../simd512.h"

#include "score_kernels.h"

namespace longhaul::attention {

const ScoreTable kAvx512DotBf16Scores = kScoresOf<FlatPairDot<Vec512>, FloatProducts<PairDot<Vec512>>>;

}  // namespace longhaul::attention

#endif
