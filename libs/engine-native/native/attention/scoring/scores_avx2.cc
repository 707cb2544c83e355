// AVX2 and FMA: scorers of all pools.
#include "../kernels.h"
#include "../scratch.h"
#include "score_table.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#pragma GCC target("avx2,fma")

#define LONGHAUL_INTEGER_256
#define LONGHAUL_SCORES_256
#include "../simd256.h"

#include "../integer_dot.h"

#include "score_kernels.h"

namespace longhaul::attention {

const ScoreTable kAvx2Bf16Scores = kScoresOf<FlatPairFma<Vec256>, FloatProducts<PairFma<Vec256, 2>>>;
const ScoreTable kAvx2F32Scores = kScoresOf<FlatSingle<Vec256>, FloatProducts<SingleFma<Vec256, 2>>>;
const ScoreTable kAvx2Int8Scores = kScoresOf<FlatBytes256, IntegerProducts<Dot256>>;

}  // namespace longhaul::attention

#endif
