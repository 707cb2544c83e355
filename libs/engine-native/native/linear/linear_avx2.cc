// AVX2. The byte product saturates at 16 bits with bytes as large as ours, so values are widened to 16 bits: weights once per
// unit of tokens, activations when they are quantised. `QuantisedRows::values` then holds int16.
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
constexpr int kTileWide = kPanelRows * kBlockCols;

const int16_t* row_values(const LinearProblem& p, int token) {
  return reinterpret_cast<const int16_t*>(p.rows.values) + size_t(token) * p.weights.cols;
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

void quantise(const LinearProblem& p, int first, int last) {
  const int blocks = p.weights.blocks(), bias = p.weights.bits == 8 ? 128 : 8;
  for (int t = first; t < last; t++) {
    const float* x = p.x + size_t(t) * p.weights.cols;
    int16_t* q = const_cast<int16_t*>(row_values(p, t));
    for (int b = 0; b < blocks; b++) {
      int32_t sum;
      quantise_block(x + b * kBlockCols, q + b * kBlockCols, p.rows.scales + size_t(t) * blocks + b, &sum);
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

// kTokens x 16 outputs over one widened block, added to `sums` [kTokens][16].
template <int kTokens>
INLINE void block_product(const int16_t* weights, const float* scales, const int16_t* const (&q)[kTokens], const int32_t* const (&offsets)[kTokens],
                          const float* const (&row_scales)[kTokens], int block, float* sums) {
  __m256i acc[kTokens][2];
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; m++) acc[m][0] = acc[m][1] = _mm256_set1_epi32(offsets[m][block]);
#pragma GCC unroll 4
  for (int pair = 0; pair < kPairs; pair++) {
    const __m256i low = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights + pair * 32));
    const __m256i high = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights + pair * 32 + 16));
#pragma GCC unroll 8
    for (int m = 0; m < kTokens; m++) {
      const __m256i a = broadcast_pair(q[m] + block * kBlockCols + pair * 2);
      acc[m][0] = _mm256_add_epi32(acc[m][0], _mm256_madd_epi16(low, a));
      acc[m][1] = _mm256_add_epi32(acc[m][1], _mm256_madd_epi16(high, a));
      // Keeps the compiler from loading every token's inputs first, which would push the sums out of the registers.
      asm("" : "+x"(acc[m][0]), "+x"(acc[m][1]));
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < kTokens; m++)
    for (int half = 0; half < 2; half++) {
      const __m256 scale = _mm256_mul_ps(_mm256_load_ps(scales + half * 8), _mm256_set1_ps(row_scales[m][block]));
      float* sum = sums + m * kPanelRows + half * 8;
      _mm256_store_ps(sum, _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc[m][half]), scale, _mm256_load_ps(sum)));
    }
}

template <int kTokens> void chunk_product(const LinearProblem& p, const WideChunk& chunk, int token, int first_block, int blocks, float* sums) {
  const int16_t* q[kTokens];
  const int32_t* offsets[kTokens];
  const float* row_scales[kTokens];
  for (int m = 0; m < kTokens; m++) {
    q[m] = row_values(p, token + m) + first_block * kBlockCols;
    offsets[m] = p.rows.offsets + size_t(token + m) * p.weights.blocks() + first_block;
    row_scales[m] = p.rows.scales + size_t(token + m) * p.weights.blocks() + first_block;
  }
  for (int b = 0; b < blocks; b++)
    block_product<kTokens>(chunk.values + b * kTileWide, chunk.scales + b * kPanelRows, q, offsets, row_scales, b, sums);
}

void chunk_tokens(const LinearProblem& p, const WideChunk& chunk, const Range& r, int first_block, int blocks, float* sums) {
  int t = r.first_token;
  for (; t + 6 <= r.last_token; t += 6) chunk_product<6>(p, chunk, t, first_block, blocks, sums + size_t(t - r.first_token) * kPanelRows);
  for (; t + 2 <= r.last_token; t += 2) chunk_product<2>(p, chunk, t, first_block, blocks, sums + size_t(t - r.first_token) * kPanelRows);
  for (; t < r.last_token; t++) chunk_product<1>(p, chunk, t, first_block, blocks, sums + size_t(t - r.first_token) * kPanelRows);
}

void store_panel(const LinearProblem& p, int token, int panel, const float* sums) {
  const int row = panel * kPanelRows, left = std::min(kPanelRows, p.weights.rows - row);
  float* out = p.out + size_t(token) * p.weights.rows + row;
  if (!p.bias) return void(std::memcpy(out, sums, size_t(left) * sizeof(float)));
  for (int i = 0; i < left; i++) out[i] = sums[i] + p.bias[row + i];
}

template <int kBits> void many_tokens(const LinearProblem& p, const Range& r) {
  const int tokens = r.last_token - r.first_token, blocks = p.weights.blocks();
  static thread_local WideChunk chunk;
  static thread_local std::vector<float> buffer;
  buffer.assign(size_t(tokens) * kPanelRows + 16, 0.0f);
  float* sums = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(buffer.data()) + 63) & ~uintptr_t(63));
  for (int panel = r.first_panel; panel < r.last_panel; panel++) {
    std::fill(sums, sums + size_t(tokens) * kPanelRows, 0.0f);
    for (int b = 0; b < blocks; b += kChunkBlocks) {
      const int count = std::min(kChunkBlocks, blocks - b);
      widen<kBits>(p.weights, panel, b, count, chunk);
      chunk_tokens(p, chunk, r, b, count, sums);
    }
    for (int t = r.first_token; t < r.last_token; t++) store_panel(p, t, panel, sums + size_t(t - r.first_token) * kPanelRows);
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
  switch (r.last_token - r.first_token) {
    case 1: return few_tokens<kBits, 1>(p, r);
    case 2: return few_tokens<kBits, 2>(p, r);
    case 3: return few_tokens<kBits, 3>(p, r);
    case 4: return few_tokens<kBits, 4>(p, r);
    default: return many_tokens<kBits>(p, r);
  }
}

void multiply(const LinearProblem& p, const Range& r) { p.weights.bits == 8 ? multiply_bits<8>(p, r) : multiply_bits<4>(p, r); }

}  // namespace

const Kernels kAvx2Kernels{quantise, multiply};

}  // namespace longhaul::linear
