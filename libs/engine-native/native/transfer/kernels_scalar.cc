#include <cstring>

#include "../attention/kv_layout.h"
#include "kernels.h"

namespace longhaul::transfer {
namespace {

// Item `to_index` of `to` becomes item `from_index` of `from`.
template <class T>
void move(const std::byte* from, size_t from_index, std::byte* to, size_t to_index) {
  std::memcpy(to + to_index * sizeof(T), from + from_index * sizeof(T), sizeof(T));
}

void gather_rows(const std::byte* tile, size_t words, std::byte* rows) {
  for (size_t token = 0; token < kPageTokens; ++token)
    for (size_t word = 0; word < words; ++word)
      move<uint32_t>(tile, word * kPageTokens + token, rows, token * words + word);
}

void scatter_rows(const std::byte* rows, size_t words, std::byte* tile) {
  for (size_t word = 0; word < words; ++word)
    for (size_t token = 0; token < kPageTokens; ++token)
      move<uint32_t>(rows, token * words + word, tile, word * kPageTokens + token);
}

void split_pair(const std::byte* pair, size_t dims, std::byte* rows) {
  for (size_t dim = 0; dim < dims; ++dim) {
    move<uint16_t>(pair, 2 * dim, rows, dim);
    move<uint16_t>(pair, 2 * dim + 1, rows, dims + dim);
  }
}

void join_pair(const std::byte* rows, size_t dims, std::byte* pair) {
  for (size_t dim = 0; dim < dims; ++dim) {
    move<uint16_t>(rows, dim, pair, 2 * dim);
    move<uint16_t>(rows, dims + dim, pair, 2 * dim + 1);
  }
}

void split_quad(const std::byte* quad, size_t dims, std::byte* rows) {
  for (size_t token = 0; token < 4; ++token)
    for (size_t dim = 0; dim < dims; ++dim) rows[token * dims + dim] = quad[4 * dim + token];
}

void join_quad(const std::byte* rows, size_t dims, std::byte* quad) {
  for (size_t token = 0; token < 4; ++token)
    for (size_t dim = 0; dim < dims; ++dim) quad[4 * dim + token] = rows[token * dims + dim];
}

constexpr Kernels kTable{gather_rows, scatter_rows, split_pair, join_pair, split_quad, join_quad};

}  // namespace

const Kernels& scalar_kernels() { return kTable; }

const Kernels& kernels() {
  static const Kernels& best = avx2_kernels() ? *avx2_kernels() : scalar_kernels();
  return best;
}

}  // namespace longhaul::transfer
