// AVX-512: scorers of pools of floats.
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
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

#define LONGHAUL_SCORES_512
#include "../simd512.h"

#include "score_kernels.h"

namespace longhaul::attention {

const ScoreTable kAvx512Bf16Scores = kScoresOf<FlatPairFma<Vec512>, FloatProducts<PairFma<Vec512, 2>>>;
const ScoreTable kAvx512F32Scores = kScoresOf<FlatSingle<Vec512>, FloatProducts<SingleFma<Vec512, 4>>>;

}  // namespace longhaul::attention

#endif
