// What every tile executor has: rows cut into row blocks, keys cut into key blocks and splits, and what a row has summed
// up so far. Rows are (token, head of the group) pairs, tokens outermost; keys come in blocks of TileJob::block_pages
// that stay in L2 while all row blocks pass over them. Include it behind the level's `#pragma GCC target`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels.h"
#include "scratch.h"

namespace longhaul::attention {
namespace {

/**
 * A logit no key has, and a running maximum below every logit but above it; finite, so that differences never are NaN.
 */
constexpr float kMasked = -1e30f;
constexpr float kNoMaximum = -1e20f;
constexpr size_t kLine = 64;

struct KeyBlock {
  int count;
  /** Entry of the list that the block begins with. */
  int entry;
  int logical[kMaxBlockPages];
  const std::byte* slice[kMaxBlockPages];
  /** Slices of the next block, to be fetched into L2 meanwhile; null where there is none. */
  const std::byte* next[kMaxBlockPages];
  /** Which of each page's tokens count, token t in bit t. */
  uint16_t tokens[kMaxBlockPages];
  bool prefetch;
};

/** Logits of which one that is not a number counts as the greatest of all, so that no skipping of keys hides it. */
template <class V>
LONGHAUL_INLINE typename V::F fault_on_top(typename V::F logits) {
  // Of two numbers that do not compare the second is the least.
  return V::min(logits, V::set1(-kMasked));
}

/** What a row has summed up so far: O at `values`, the exponentials in `sum`, both relative to 2^maximum. */
struct RowTotal {
  float* values;
  float& maximum;
  float& sum;
};

/** Adds the next split to a total. The maxima are whole numbers, so both scalings are exact. */
template <class V>
LONGHAUL_INLINE void add_part(const RowTotal& total, const RowPart& part, int head_dim) {
  if (part.sum == 0.0f) return;
  if (total.sum == 0.0f) {
    for (int d = 0; d < head_dim; d += V::kLanes) V::store(total.values + d, V::load(part.values + d));
    total.maximum = part.maximum;
    total.sum = part.sum;
    return;
  }
  const float maximum = total.maximum > part.maximum ? total.maximum : part.maximum;
  float factors[2 * V::kLanes];
  const typename V::F one = V::set1(1.0f);
  const typename V::F decay = V::scale_exp2(one, V::set1(total.maximum - maximum));
  const typename V::F share = V::scale_exp2(one, V::set1(part.maximum - maximum));
  V::store(factors, decay);
  V::store(factors + V::kLanes, share);
  for (int d = 0; d < head_dim; d += V::kLanes) {
    const typename V::F scaled = V::mul(V::load(total.values + d), decay);
    V::store(total.values + d, V::fma(V::load(part.values + d), share, scaled));
  }
  total.maximum = maximum;
  total.sum = total.sum * factors[0] + part.sum * factors[V::kLanes];
}

/** Writes O over the sum of exponentials to `out`, which may be `values`; returns the natural logarithm of that sum. */
template <class V>
LONGHAUL_INLINE float normalise_row(const RowPart& row, int head_dim, float* out) {
  const bool empty = row.sum == 0.0f;
  const typename V::F factor = V::set1(empty ? 0.0f : 1.0f / row.sum);
  for (int d = 0; d < head_dim; d += V::kLanes) V::store(out + d, V::mul(V::load(row.values + d), factor));
  return empty ? -__builtin_inff() : (row.maximum + __builtin_log2f(row.sum)) * kLn2;
}

/** KernelTable::merge_row. */
template <class V>
float merge_parts(const RowPart* parts, int count, int head_dim, float* out) {
  float values[kMaxHeadDim] = {};
  float maximum = kNoMaximum;
  float sum = 0.0f;
  for (int i = 0; i < count; ++i) add_part<V>({values, maximum, sum}, parts[i], head_dim);
  return normalise_row<V>({values, maximum, sum}, head_dim, out);
}

/** Hands out aligned pieces of a thread's scratch memory. */
class Carver {
 public:
  explicit Carver(std::byte* memory) : next_(memory) {}

  template <class T>
  T* take(size_t count) {
    T* piece = reinterpret_cast<T*>(next_);
    next_ += rounded(count * sizeof(T));
    return piece;
  }

  static size_t rounded(size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

 private:
  std::byte* next_;
};

/** Calls body with `count`, 1 to kMost, as a std::integral_constant: a kernel is compiled for every number of rows. */
template <int kMost, int kLeast = 1, class Body>
LONGHAUL_INLINE void with_rows(int count, const Body& body) {
  if constexpr (kLeast < kMost) {
    if (count != kLeast) return with_rows<kMost, kLeast + 1>(count, body);
  }
  body(std::integral_constant<int, kLeast>{});
}

/** The rows of a tile and their sums; a kernel adds how a row block meets a key block. */
template <class V>
struct TileRows {
  const TileJob& job;
  const int rows;
  /** Row blocks: `blocks` of them, sizes differ by at most one, larger ones first. */
  const int blocks;
  float* outputs;
  float* maxima;
  float* sums;
  /** The splits so far, as `outputs`, `maxima` and `sums` are of the split at hand. */
  float* total_outputs;
  float* total_maxima;
  float* total_sums;

  TileRows(const TileJob& tile, int rows_per_block)
      : job(tile), rows(tile.tokens * tile.group), blocks((rows + rows_per_block - 1) / rows_per_block) {}

  size_t matrix_floats() const { return static_cast<size_t>(rows) * static_cast<size_t>(job.pool.head_dim); }

  /** Bytes that `carve` takes. */
  size_t carved_bytes() const {
    return 2 * Carver::rounded(matrix_floats() * 4) + 4 * Carver::rounded(static_cast<size_t>(rows) * 4);
  }

  void carve(Carver& carver) {
    const size_t row_count = static_cast<size_t>(rows);
    outputs = carver.take<float>(matrix_floats());
    total_outputs = carver.take<float>(matrix_floats());
    maxima = carver.take<float>(row_count);
    sums = carver.take<float>(row_count);
    total_maxima = carver.take<float>(row_count);
    total_sums = carver.take<float>(row_count);
    __builtin_memset(total_sums, 0, row_count * 4);
  }

  void clear_split() {
    __builtin_memset(outputs, 0, matrix_floats() * 4);
    __builtin_memset(sums, 0, static_cast<size_t>(rows) * 4);
    for (int row = 0; row < rows; ++row) maxima[row] = kNoMaximum;
  }

  float* output_row(int row) const { return outputs + static_cast<size_t>(row) * job.pool.head_dim; }

  RowPart split_row(int row) const { return {output_row(row), maxima[row], sums[row]}; }

  RowTotal total_row(int row) const {
    return {total_outputs + static_cast<size_t>(row) * job.pool.head_dim, total_maxima[row], total_sums[row]};
  }

  void add_split() {
    for (int row = 0; row < rows; ++row) add_part<V>(total_row(row), split_row(row), job.pool.head_dim);
  }

  int first_row_of(int block) const {
    const int larger = rows % blocks;
    return block * (rows / blocks) + (block < larger ? block : larger);
  }

  const float* query_row(int row) const {
    return job.q + static_cast<size_t>(row / job.group) * job.q_stride +
           static_cast<size_t>(row % job.group) * job.pool.head_dim;
  }

  int position_of(int row) const { return job.first_position + row / job.group; }

  void gather(KeyBlock& keys, int begin, int end) const {
    keys.count = end - begin;
    keys.entry = begin;
    keys.prefetch = false;
    for (int i = 0; i < keys.count; ++i) {
      keys.logical[i] = job.pages.at(begin + i);
      keys.slice[i] = job.pool.slice(job.layer, job.block_row[keys.logical[i]], job.kv_head);
      keys.next[i] = slice_ahead(end + i);
      keys.tokens[i] = job.page_tokens == nullptr ? uint16_t{0xffff} : job.page_tokens[begin + i];
      keys.prefetch = keys.prefetch || keys.next[i] != nullptr;
    }
  }

  /** The slice of an entry of the list, beyond whose end the following tile's list goes on; null beyond that. */
  const std::byte* slice_ahead(int entry) const {
    if (entry < job.pages.end) return job.pool.slice(job.layer, job.block_row[job.pages.at(entry)], job.kv_head);
    const TileAhead& ahead = job.ahead;
    const int further = ahead.pages.begin + entry - job.pages.end;
    if (further >= ahead.pages.end) return nullptr;
    return job.pool.slice(job.layer, ahead.block_row[ahead.pages.at(further)], ahead.kv_head);
  }

  /** Narrows [begin, end), at its ends, to the pages of `keys` of which some row in [first, first + count) sees a token. */
  void visible_pages(const KeyBlock& keys, int first, int count, int& begin, int& end) const {
    const int high = position_of(first + count - 1);
    while (end > begin && keys.logical[end - 1] * kPageTokens > high) --end;
    while (begin < end && is_behind(keys.logical[begin] * kPageTokens, position_of(first))) ++begin;
  }

  /** Whether queries from `position` on see no token of the page that begins with `key` any more. */
  bool is_behind(int key, int position) const {
    const int last = key + kPageTokens - 1;
    if (job.reach > 0 && last <= position - job.reach) return true;
    return job.window > 0 && last <= position - job.window && key >= job.sink;
  }

  /** Whether some row in [first, first + count) does not see all tokens of a page. */
  bool needs_mask(const KeyBlock& keys, int page, int first, int count) const {
    const int key = keys.logical[page] * kPageTokens;
    const int last = position_of(first + count - 1);
    return key + kPageTokens - 1 > position_of(first) || keys.tokens[page] != 0xffff ||
           (job.window > 0 && key <= last - job.window && key + kPageTokens > job.sink) ||
           (job.reach > 0 && key <= last - job.reach);
  }

  /** Which tokens of a page a row sees, token t in bit t. */
  uint16_t seen_tokens(const KeyBlock& keys, int page, int row) const {
    const int key = keys.logical[page] * kPageTokens;
    const int newest = position_of(row) - key;
    uint16_t seen = keys_up_to(newest) & keys.tokens[page];
    if (job.window > 0) seen &= keys_from(newest - job.window + 1) | keys_up_to(job.sink - 1 - key);
    if (job.reach > 0) seen &= keys_from(newest - job.reach + 1);
    return seen;
  }

  void finish_row(int row, bool several) {
    float* to = job.out + static_cast<size_t>(row / job.group) * job.out_stride +
                static_cast<size_t>(row % job.group) * job.pool.head_dim;
    if (job.lse == nullptr) {
      const RowPart part = split_row(row);
      for (int d = 0; d < job.pool.head_dim; d += V::kLanes) V::store(to + d, V::load(part.values + d));
      job.maxima[row] = part.maximum;
      job.sums[row] = part.sum;
      return;
    }
    const RowTotal total = total_row(row);
    const RowPart sum = several ? RowPart{total.values, total.maximum, total.sum} : split_row(row);
    job.lse[row] = normalise_row<V>(sum, job.pool.head_dim, to);
  }
};

/**
 * Runs a tile: every row block over every key block, split after split. A kernel derives from TileRows and has
 * `run_rows(keys, first, count, prefetch)`, `begin_split()` and `end_split()`.
 */
template <class Kernel>
void run_key_blocks(Kernel& kernel) {
  const TileJob& job = kernel.job;
  const int length = job.block_pages;
  bool several = false;
  KeyBlock keys;
  kernel.begin_split();
  for (int begin = job.pages.begin; begin < job.pages.end;) {
    const int cut = (begin / length + 1) * length;
    const int end = cut < job.pages.end ? cut : job.pages.end;
    kernel.gather(keys, begin, end);
    for (int block = 0; block < kernel.blocks; ++block) {
      const int first = kernel.first_row_of(block);
      kernel.run_rows(keys, first, kernel.first_row_of(block + 1) - first, keys.prefetch && block == 0);
    }
    begin = end;
    if (begin % job.split_pages == 0 && begin < job.pages.end) {
      kernel.end_split();
      kernel.add_split();
      kernel.begin_split();
      several = true;
    }
  }
  kernel.end_split();
  if (several) kernel.add_split();
  for (int row = 0; row < kernel.rows; ++row) kernel.finish_row(row, several);
}

}  // namespace
}  // namespace longhaul::attention
