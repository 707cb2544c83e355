#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma GCC target("avx2")

namespace longhaul::transfer {
namespace {

constexpr size_t kTile = 8, kTokens = 16, kWord = 4;

__m256i load(const std::byte* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
void store(std::byte* to, __m256i value) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value); }

// Eight rows of eight words, transposed in registers. Strides in words.
void transpose8(const std::byte* from, size_t from_stride, std::byte* to, size_t to_stride) {
  __m256i row[kTile], pair[kTile], quad[kTile];
  for (size_t i = 0; i < kTile; ++i) row[i] = load(from + i * from_stride * kWord);
  for (size_t i = 0; i < kTile; i += 2) {
    pair[i] = _mm256_unpacklo_epi32(row[i], row[i + 1]);
    pair[i + 1] = _mm256_unpackhi_epi32(row[i], row[i + 1]);
  }
  for (size_t i = 0; i < kTile; i += 4) {
    quad[i] = _mm256_unpacklo_epi64(pair[i], pair[i + 2]);
    quad[i + 1] = _mm256_unpackhi_epi64(pair[i], pair[i + 2]);
    quad[i + 2] = _mm256_unpacklo_epi64(pair[i + 1], pair[i + 3]);
    quad[i + 3] = _mm256_unpackhi_epi64(pair[i + 1], pair[i + 3]);
  }
  for (size_t i = 0; i < kTile / 2; ++i) {
    store(to + i * to_stride * kWord, _mm256_permute2x128_si256(quad[i], quad[i + 4], 0x20));
    store(to + (i + 4) * to_stride * kWord, _mm256_permute2x128_si256(quad[i], quad[i + 4], 0x31));
  }
}

void gather_rows(const std::byte* tile, size_t words, std::byte* rows) {
  for (size_t token = 0; token < kTokens; token += kTile)
    for (size_t word = 0; word < words; word += kTile)
      transpose8(tile + (word * kTokens + token) * kWord, kTokens, rows + (token * words + word) * kWord, words);
}

void scatter_rows(const std::byte* rows, size_t words, std::byte* tile) {
  for (size_t word = 0; word < words; word += kTile)
    for (size_t token = 0; token < kTokens; token += kTile)
      transpose8(rows + (token * words + word) * kWord, words, tile + (word * kTokens + token) * kWord, kTokens);
}

// 16 dimensions of two tokens at a time, two bytes each.
constexpr size_t kDims = 16, kHalf = 2;

void split_pair(const std::byte* pair, size_t dims, std::byte* rows) {
  const __m256i low_half = _mm256_set1_epi32(0xffff);
  for (size_t dim = 0; dim < dims; dim += kDims) {
    const __m256i a = load(pair + 2 * dim * kHalf);
    const __m256i b = load(pair + (2 * dim + kDims) * kHalf);
    const __m256i first = _mm256_packus_epi32(_mm256_and_si256(a, low_half), _mm256_and_si256(b, low_half));
    const __m256i second = _mm256_packus_epi32(_mm256_srli_epi32(a, 16), _mm256_srli_epi32(b, 16));
    // Packing works within 128-bit lanes: bring their quarters back in order.
    store(rows + dim * kHalf, _mm256_permute4x64_epi64(first, 0xd8));
    store(rows + (dims + dim) * kHalf, _mm256_permute4x64_epi64(second, 0xd8));
  }
}

void join_pair(const std::byte* rows, size_t dims, std::byte* pair) {
  for (size_t dim = 0; dim < dims; dim += kDims) {
    const __m256i first = load(rows + dim * kHalf);
    const __m256i second = load(rows + (dims + dim) * kHalf);
    const __m256i low = _mm256_unpacklo_epi16(first, second);
    const __m256i high = _mm256_unpackhi_epi16(first, second);
    store(pair + 2 * dim * kHalf, _mm256_permute2x128_si256(low, high, 0x20));
    store(pair + (2 * dim + kDims) * kHalf, _mm256_permute2x128_si256(low, high, 0x31));
  }
}

__m128i load_half(const std::byte* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
void store_half(std::byte* to, __m128i value) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), value); }

// 16 dimensions of four tokens at a time, a byte each: four vectors, transposed as bytes within dwords, then as dwords.
void split_quad(const std::byte* quad, size_t dims, std::byte* rows) {
  const __m128i by_token = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  for (size_t dim = 0; dim < dims; dim += kDims) {
    __m128i part[4];
    for (size_t i = 0; i < 4; ++i) part[i] = _mm_shuffle_epi8(load_half(quad + 4 * dim + 16 * i), by_token);
    const __m128i low01 = _mm_unpacklo_epi32(part[0], part[1]), high01 = _mm_unpackhi_epi32(part[0], part[1]);
    const __m128i low23 = _mm_unpacklo_epi32(part[2], part[3]), high23 = _mm_unpackhi_epi32(part[2], part[3]);
    store_half(rows + dim, _mm_unpacklo_epi64(low01, low23));
    store_half(rows + dims + dim, _mm_unpackhi_epi64(low01, low23));
    store_half(rows + 2 * dims + dim, _mm_unpacklo_epi64(high01, high23));
    store_half(rows + 3 * dims + dim, _mm_unpackhi_epi64(high01, high23));
  }
}

void join_quad(const std::byte* rows, size_t dims, std::byte* quad) {
  for (size_t dim = 0; dim < dims; dim += kDims) {
    const __m128i a = load_half(rows + dim), b = load_half(rows + dims + dim);
    const __m128i c = load_half(rows + 2 * dims + dim), d = load_half(rows + 3 * dims + dim);
    const __m128i low_ab = _mm_unpacklo_epi8(a, b), high_ab = _mm_unpackhi_epi8(a, b);
    const __m128i low_cd = _mm_unpacklo_epi8(c, d), high_cd = _mm_unpackhi_epi8(c, d);
    store_half(quad + 4 * dim, _mm_unpacklo_epi16(low_ab, low_cd));
    store_half(quad + 4 * dim + 16, _mm_unpackhi_epi16(low_ab, low_cd));
    store_half(quad + 4 * dim + 32, _mm_unpacklo_epi16(high_ab, high_cd));
    store_half(quad + 4 * dim + 48, _mm_unpackhi_epi16(high_ab, high_cd));
  }
}

constexpr Kernels kTable{gather_rows, scatter_rows, split_pair, join_pair, split_quad, join_quad};

bool supported() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2");
}

}  // namespace

const Kernels* avx2_kernels() {
  static const bool has = supported();
  return has ? &kTable : nullptr;
}

}  // namespace longhaul::transfer

#else

namespace longhaul::transfer {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace longhaul::transfer

#endif
