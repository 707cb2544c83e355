// AVX2. The byte product saturates at 16 bits with bytes as large as ours, so values are widened to 16 bits: weights once per
// unit of tokens, activations when they are quantised. `QuantisedRows::values` then holds int16, in rows for few tokens, else
// in groups of kGroupTokens: [group][pair of inputs][token of the group][2 inputs], so that a step's inputs are neighbours.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "linear.h"

#pragma GCC target("avx2,fma,f16c")
#include <immintrin.h>

namespace longhaul::linear {
namespace {

#define INLINE inline __attribute__((always_inline))

constexpr int kPairs = kBlockCols / 2;  // pairs of inputs in a block
constexpr int kChunkBlocks = 8;         // blocks widened at a time: 16 x 256 values, 8 KiB
// How far ahead of the dot products memory is asked for; the hardware alone keeps too little under way.
constexpr int kPrefetchBytes = 4096;
constexpr int kPanelsTogether = 12;     // panels that share a pass over the inputs
constexpr int kTileWide = kPanelRows * kBlockCols;

static_assert(kGroupTokens * 2 + 4 <= 16, "the sums of a group, two weights, one input and one product fit the registers");

bool grouped(const LinearProblem& p) { return p.tokens > kFewTokens; }

int16_t* row_values(const LinearProblem& p, int token) {
  return reinterpret_cast<int16_t*>(p.rows.values) + size_t(token) * p.weights.cols;
}

/** Inputs of the group's first token; a pair of inputs is one int32, a group's next pair kGroupTokens further. */
int32_t* group_values(const LinearProblem& p, int token) {
  const size_t group = size_t(token) / kGroupTokens;
  return reinterpret_cast<int32_t*>(p.rows.values) + group * kGroupTokens * (p.weights.cols / 2);
}

void quantise_block(const float* x, int16_t* q, float* scale, int32_t* sum) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 v[4], largest = _mm256_setzero_ps();
  for (int i = 0; i < 4; i++) {
    v[i] = _mm256_loadu_ps(x + 8 * i);
    largest = _mm256_max_ps(largest, _mm256_andnot_ps(sign, v[i]));
  }
  __m128 top = _mm_max_ps(_mm256_castps256_ps128(largest), _mm256_extractf128_ps(largest, 1));
  top = _mm_max_ps(top, _mm_movehl_ps(top, top));
  top = _mm_max_ss(top, _mm_movehdup_ps(top));
  const float absolute = _mm_cvtss_f32(top);
  const __m256 inverse = _mm256_set1_ps(absolute > 0 ? 127.0f / absolute : 0.0f);
  __m256i total = _mm256_setzero_si256();
  for (int i = 0; i < 4; i += 2) {
    const __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
    const __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(v[i + 1], inverse));
    total = _mm256_add_epi32(total, _mm256_add_epi32(low, high));
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q + 8 * i), packed);
  }
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  *sum = _mm_cvtsi128_si32(four);
  *scale = absolute / 127.0f;
}

void scatter_block(const int16_t* q, int32_t* to) {
  for (int pair = 0; pair < kPairs; pair++) std::memcpy(to + pair * kGroupTokens, q + pair * 2, 4);
}

void quantise(const LinearProblem& p, int first, int last) {
  const int blocks = p.weights.blocks(), bias = p.weights.bits == 8 ? 128 : 8;
  for (int t = first; t < last; t++) {
    const float* x = p.x + size_t(t) * p.weights.cols;
    int32_t* group = group_values(p, t) + t % kGroupTokens;
    for (int b = 0; b < blocks; b++) {
      int16_t block[kBlockCols];
      int16_t* q = grouped(p) ? block : row_values(p, t) + b * kBlockCols;
      int32_t sum;
      quantise_block(x + b * kBlockCols, q, p.rows.scales + size_t(t) * blocks + b, &sum);
      if (grouped(p)) scatter_block(block, group + size_t(b) * kPairs * kGroupTokens);
      p.rows.offsets[size_t(t) * blocks + b] = -bias * sum;
    }
  }
}

// Eight outputs of one quad, four bytes each.
template <int kBits> INLINE __m256i load_quad(const uint8_t* tile, int quad, int half) {
  if constexpr (kBits == 8) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tile + quad * 64 + half * 32));
  const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tile + quad / 2 * 64 + half * 32));
  return _mm256_and_si256(quad % 2 ? _mm256_srli_epi16(both, 4) : both, _mm256_set1_epi8(15));
}

// The two pairs of inputs of eight outputs, one output per 32 bits.
INLINE void widen_quad(__m256i bytes, __m256i* first, __m256i* second) {
  const __m256i low_pairs = _mm256_shuffle_epi8(
      bytes, _mm256_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
  const __m256i high_pairs = _mm256_shuffle_epi8(
      bytes, _mm256_setr_epi8(2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1));
  *first = low_pairs;
  *second = high_pairs;
}

INLINE __m256 load_scales(const uint16_t* scales) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales)));
}

INLINE __m256i broadcast_pair(const int16_t* q) {
  int32_t pair;
  std::memcpy(&pair, q, 4);
  return _mm256_set1_epi32(pair);
}

// [pair][16 outputs][2 inputs] as int16, for `blocks` blocks of a panel, and their scales as f32.
struct WideChunk {
  alignas(64) int16_t values[kChunkBlocks * kTileWide];
  alignas(64) float scales[kChunkBlocks * kPanelRows];
};

template <int kBits> void widen(const PackedWeights& w, int panel, int first_block, int blocks, WideChunk& chunk) {
  for (int b = 0; b < blocks; b++) {
    const uint8_t* tile = w.panel_values(panel) + size_t(first_block + b) * w.tile_bytes();
    const uint16_t* scales = w.panel_scales(panel) + size_t(first_block + b) * kPanelRows;
    auto* out = reinterpret_cast<__m256i*>(chunk.values + b * kTileWide);
#pragma GCC unroll 8
    for (int quad = 0; quad < kQuads; quad++)
      for (int half = 0; half < 2; half++) widen_quad(load_quad<kBits>(tile, quad, half), out + quad * 4 + half, out + quad * 4 + 2 + half);
    for (int half = 0; half < 2; half++) _mm256_store_ps(chunk.scales + b * kPanelRows + half * 8, load_scales(scales + half * 8));
  }
}

// One pair of inputs of the first kTokens tokens of a group times 16 outputs.
template <int kTokens> INLINE void multiply_pair(__m256i (&acc)[kTokens][2], const int32_t* inputs, const int16_t* weights) {
  const __m256i low = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights));
  const __m256i high = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights + 16));
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; m++) {
    const __m256i a = _mm256_set1_epi32(inputs[m]);
    acc[m][0] = _mm256_add_epi32(acc[m][0], _mm256_madd_epi16(low, a));
    acc[m][1] = _mm256_add_epi32(acc[m][1], _mm256_madd_epi16(high, a));
  }
}

// Four pairs of a full group, whose sums fill the registers: GCC would spill them.
INLINE void multiply_four_pairs(__m256i (&acc)[kGroupTokens][2], const int32_t* inputs, const int16_t* weights) {
#define LONGHAUL_TOKEN(offset, first, second)                                              \
  "vpbroadcastd " #offset "(%[inputs]), %%ymm15\n\tvpmaddwd %%ymm13, %%ymm15, %%ymm12\n\t" \
  "vpmaddwd %%ymm14, %%ymm15, %%ymm15\n\tvpaddd %%ymm12, %" #first ", %" #first "\n\t"    \
  "vpaddd %%ymm15, %" #second ", %" #second "\n\t"
#define LONGHAUL_PAIR(pair)                                                                                       \
  "vmovdqa 64*" #pair "(%[weights]), %%ymm13\n\tvmovdqa 64*" #pair "+32(%[weights]), %%ymm14\n\t"                 \
  LONGHAUL_TOKEN(24*pair, 0, 1) LONGHAUL_TOKEN(24*pair+4, 2, 3) LONGHAUL_TOKEN(24*pair+8, 4, 5)                     \
  LONGHAUL_TOKEN(24*pair+12, 6, 7) LONGHAUL_TOKEN(24*pair+16, 8, 9) LONGHAUL_TOKEN(24*pair+20, 10, 11)
  asm(LONGHAUL_PAIR(0) LONGHAUL_PAIR(1) LONGHAUL_PAIR(2) LONGHAUL_PAIR(3)
      : "+x"(acc[0][0]), "+x"(acc[0][1]), "+x"(acc[1][0]), "+x"(acc[1][1]), "+x"(acc[2][0]), "+x"(acc[2][1]), "+x"(acc[3][0]),
        "+x"(acc[3][1]), "+x"(acc[4][0]), "+x"(acc[4][1]), "+x"(acc[5][0]), "+x"(acc[5][1])
      : [inputs] "r"(inputs), [weights] "r"(weights)
      : "xmm12", "xmm13", "xmm14", "xmm15", "memory");
#undef LONGHAUL_PAIR
#undef LONGHAUL_TOKEN
}

// What a group of tokens brings to a chunk of blocks: its inputs from the chunk's first on, and by token the bias's share and
// the scale of each block.
struct GroupRows {
  const int32_t* inputs;
  const int32_t* offsets[kGroupTokens];
  const float* scales[kGroupTokens];
};

// The first kTokens tokens of a group x 16 outputs over one widened block, added to `sums` [kTokens][16].
template <int kTokens> INLINE void block_product(const WideChunk& chunk, const GroupRows& rows, int block, float* sums) {
  const int16_t* weights = chunk.values + block * kTileWide;
  const int32_t* inputs = rows.inputs + size_t(block) * kPairs * kGroupTokens;
  __m256i acc[kTokens][2];
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; m++) acc[m][0] = acc[m][1] = _mm256_set1_epi32(rows.offsets[m][block]);
#pragma GCC unroll 4
  for (int pair = 0; pair < kPairs; pair += 4) {
    if constexpr (kTokens == kGroupTokens) {
      multiply_four_pairs(acc, inputs + pair * kGroupTokens, weights + pair * 32);
    } else {
      for (int i = pair; i < pair + 4; i++) multiply_pair<kTokens>(acc, inputs + i * kGroupTokens, weights + i * 32);
    }
  }
  const __m256 scales[2] = {_mm256_load_ps(chunk.scales + block * kPanelRows), _mm256_load_ps(chunk.scales + block * kPanelRows + 8)};
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; m++)
    for (int half = 0; half < 2; half++) {
      const __m256 scale = _mm256_mul_ps(scales[half], _mm256_set1_ps(rows.scales[m][block]));
      float* sum = sums + m * kPanelRows + half * 8;
      _mm256_store_ps(sum, _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc[m][half]), scale, _mm256_load_ps(sum)));
    }
}

template <int kTokens> void chunk_product(const LinearProblem& p, const WideChunk& chunk, int token, int first_block, int blocks, float* sums) {
  GroupRows rows;
  rows.inputs = group_values(p, token) + size_t(first_block) * kPairs * kGroupTokens;
  for (int m = 0; m < kTokens; m++) {
    rows.offsets[m] = p.rows.offsets + size_t(token + m) * p.weights.blocks() + first_block;
    rows.scales[m] = p.rows.scales + size_t(token + m) * p.weights.blocks() + first_block;
  }
  for (int b = 0; b < blocks; b++) block_product<kTokens>(chunk, rows, b, sums);
}

// Whole groups, and the first tokens of the last one.
void chunk_tokens(const LinearProblem& p, const WideChunk& chunk, const Range& r, int first_block, int blocks, float* sums) {
  for (int t = r.first_token; t < r.last_token; t += kGroupTokens, sums += kGroupTokens * kPanelRows) {
    switch (r.last_token - t) {
      case 1: chunk_product<1>(p, chunk, t, first_block, blocks, sums); break;
      case 2: chunk_product<2>(p, chunk, t, first_block, blocks, sums); break;
      case 3: chunk_product<3>(p, chunk, t, first_block, blocks, sums); break;
      case 4: chunk_product<4>(p, chunk, t, first_block, blocks, sums); break;
      case 5: chunk_product<5>(p, chunk, t, first_block, blocks, sums); break;
      default: chunk_product<kGroupTokens>(p, chunk, t, first_block, blocks, sums);
    }
  }
}

void store_panel(const LinearProblem& p, int token, int panel, const float* sums) {
  const int row = panel * kPanelRows, left = std::min(kPanelRows, p.weights.rows - row);
  float* out = p.out + size_t(token) * p.weights.rows + row;
  if (!p.bias) return void(std::memcpy(out, sums, size_t(left) * sizeof(float)));
  for (int i = 0; i < left; i++) out[i] = sums[i] + p.bias[row + i];
}

// A chunk's inputs stay in L2 while some panels pass by, and so do the panels' sums.
template <int kBits> void many_tokens(const LinearProblem& p, const Range& r) {
  const int tokens = r.last_token - r.first_token, blocks = p.weights.blocks();
  const size_t panel_sums = size_t(tokens) * kPanelRows;
  static thread_local WideChunk chunk;
  static thread_local std::vector<float> buffer;
  buffer.resize(std::max(buffer.size(), panel_sums * kPanelsTogether + 16));
  float* sums = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(buffer.data()) + 63) & ~uintptr_t(63));
  for (int first = r.first_panel; first < r.last_panel; first += kPanelsTogether) {
    const int panels = std::min(kPanelsTogether, r.last_panel - first);
    std::fill(sums, sums + panel_sums * panels, 0.0f);
    for (int b = 0; b < blocks; b += kChunkBlocks) {
      const int count = std::min(kChunkBlocks, blocks - b);
      for (int i = 0; i < panels; i++) {
        widen<kBits>(p.weights, first + i, b, count, chunk);
        chunk_tokens(p, chunk, r, b, count, sums + panel_sums * i);
      }
    }
    for (int t = 0; t < tokens; t++)
      for (int i = 0; i < panels; i++) store_panel(p, r.first_token + t, first + i, sums + panel_sums * i + size_t(t) * kPanelRows);
  }
}

// Few tokens: weights are used once, straight from memory. kHalves times eight outputs of kTokens tokens at a time; both halves
// of a panel where the registers allow it, so that memory is read in one stream.
template <int kBits, int kTokens, int kHalves> void few_tokens_panel(const LinearProblem& p, int panel, int first_half, int token) {
  const PackedWeights& w = p.weights;
  const int blocks = w.blocks();
  const uint8_t* tile = w.panel_values(panel);
  const uint16_t* scales = w.panel_scales(panel) + first_half * 8;
  __m256 sums[kTokens][kHalves];
#pragma GCC unroll 4
  for (int m = 0; m < kTokens; m++)
    for (int h = 0; h < kHalves; h++) sums[m][h] = _mm256_setzero_ps();
  for (int b = 0; b < blocks; b++, tile += w.tile_bytes(), scales += kPanelRows) {
    __m256i acc[kTokens][kHalves][2];
#pragma GCC unroll 4
    for (int m = 0; m < kTokens; m++)
      for (int h = 0; h < kHalves; h++) {
        acc[m][h][0] = _mm256_set1_epi32(p.rows.offsets[size_t(token + m) * blocks + b]);
        acc[m][h][1] = _mm256_setzero_si256();
      }
#pragma GCC unroll 8
    for (int quad = 0; quad < kQuads; quad++) {
      _mm_prefetch(reinterpret_cast<const char*>(tile) + kPrefetchBytes + quad * 64, _MM_HINT_T0);
      __m256i first[kHalves], second[kHalves];
      for (int h = 0; h < kHalves; h++) widen_quad(load_quad<kBits>(tile, quad, first_half + h), &first[h], &second[h]);
#pragma GCC unroll 4
      for (int m = 0; m < kTokens; m++) {
        const int16_t* q = row_values(p, token + m) + b * kBlockCols + quad * 4;
        const __m256i low = broadcast_pair(q), high = broadcast_pair(q + 2);
        for (int h = 0; h < kHalves; h++) {
          acc[m][h][0] = _mm256_add_epi32(acc[m][h][0], _mm256_madd_epi16(first[h], low));
          acc[m][h][1] = _mm256_add_epi32(acc[m][h][1], _mm256_madd_epi16(second[h], high));
        }
      }
    }
    for (int h = 0; h < kHalves; h++) {
      const __m256 scale = load_scales(scales + h * 8);
#pragma GCC unroll 4
      for (int m = 0; m < kTokens; m++) {
        const __m256 both = _mm256_mul_ps(scale, _mm256_set1_ps(p.rows.scales[size_t(token + m) * blocks + b]));
        sums[m][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(acc[m][h][0], acc[m][h][1])), both, sums[m][h]);
      }
    }
  }
  for (int m = 0; m < kTokens; m++)
    for (int h = 0; h < kHalves; h++) {
      alignas(32) float values[8];
      _mm256_store_ps(values, sums[m][h]);
      const int row = panel * kPanelRows + (first_half + h) * 8, left = std::clamp(w.rows - row, 0, 8);
      for (int i = 0; i < left; i++) p.out[size_t(token + m) * w.rows + row + i] = values[i] + (p.bias ? p.bias[row + i] : 0.0f);
    }
}

template <int kBits, int kTokens> void few_tokens(const LinearProblem& p, const Range& r) {
  for (int panel = r.first_panel; panel < r.last_panel; panel++) {
    if constexpr (kTokens == 1) {
      few_tokens_panel<kBits, 1, 2>(p, panel, 0, r.first_token);
    } else {
      for (int half = 0; half < 2; half++) few_tokens_panel<kBits, kTokens, 1>(p, panel, half, r.first_token);
    }
  }
}

template <int kBits> void multiply_bits(const LinearProblem& p, const Range& r) {
  if (grouped(p)) return many_tokens<kBits>(p, r);
  switch (r.last_token - r.first_token) {
    case 1: return few_tokens<kBits, 1>(p, r);
    case 2: return few_tokens<kBits, 2>(p, r);
    case 3: return few_tokens<kBits, 3>(p, r);
    default: return few_tokens<kBits, kFewTokens>(p, r);
  }
}

void multiply(const LinearProblem& p, const Range& r) { p.weights.bits == 8 ? multiply_bits<8>(p, r) : multiply_bits<4>(p, r); }

}  // namespace

const Kernels kAvx2Kernels{quantise, multiply};

}  // namespace longhaul::linear
