// The reference: plain loops, softmax in double precision, one query row at a time.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "append_kernel.h"
#include "simd_plain.h"

#include "integer_tile.h"
#include "scoring/score_table.h"

namespace longhaul::attention {
namespace {

struct SliceReader {
  const std::byte* slice;
  KvDtype dtype;
  int head_dim;

  double key(int slot, int d) const {
    if (dtype == KvDtype::kF32) return reinterpret_cast<const float*>(slice)[d * kPageTokens + slot];
    const auto* tile = reinterpret_cast<const uint16_t*>(slice);
    return from_bf16(tile[(d / 2 * kPageTokens + slot) * 2 + d % 2]);
  }

  double value(int slot, int d) const {
    const std::byte* tile = slice + key_tile_bytes(dtype, head_dim);
    if (dtype == KvDtype::kF32) return reinterpret_cast<const float*>(tile)[slot * head_dim + d];
    return from_bf16(reinterpret_cast<const uint16_t*>(tile)[(slot / 2 * head_dim + d) * 2 + slot % 2]);
  }
};

/** Whether the query at a position sees a token of an entry of the list. */
bool sees(const TileJob& job, int entry, int slot, int position) {
  const int key = job.pages.at(entry) * kPageTokens + slot;
  if (key > position || (job.page_tokens != nullptr && (job.page_tokens[entry] >> slot & 1) == 0)) return false;
  if (job.reach > 0 && position - key >= job.reach) return false;
  return job.window == 0 || position - key < job.window || key < job.sink;
}

SliceReader reader_of(const TileJob& job, int entry) {
  return {job.pool.slice(job.layer, job.block_row[job.pages.at(entry)], job.kv_head), job.pool.dtype, job.pool.head_dim};
}

/** Softmax over the keys so far, rescaled whenever a larger logit comes. Logits are in units of log2. */
struct RunningSoftmax {
  double maximum = -std::numeric_limits<double>::infinity();
  double denominator = 0.0;
  double sum[kMaxHeadDim] = {};

  void add(double logit, const SliceReader& reader, int slot) {
    if (logit > maximum) {
      const double decay = std::exp2(maximum - logit);
      denominator *= decay;
      for (int d = 0; d < reader.head_dim; ++d) sum[d] *= decay;
      maximum = logit;
    }
    const double weight = std::exp2(logit - maximum);
    denominator += weight;
    for (int d = 0; d < reader.head_dim; ++d) sum[d] += weight * reader.value(slot, d);
  }
};

struct ScoredKey {
  int entry;
  int slot;
  double logit;
};

/** What the query sees of the entries [begin, end) of the list. */
std::vector<ScoredKey> scored_keys(const TileJob& job, const float* q, int position, int begin, int end) {
  std::vector<ScoredKey> keys;
  for (int entry = begin; entry < end; ++entry) {
    const SliceReader reader = reader_of(job, entry);
    for (int slot = 0; slot < kPageTokens; ++slot) {
      if (!sees(job, entry, slot, position)) continue;
      double logit = 0.0;
      for (int d = 0; d < job.pool.head_dim; ++d) logit += static_cast<double>(q[d]) * reader.key(slot, d);
      if (job.softcap_log2 > 0.0f) logit = job.softcap_log2 * std::tanh(logit);
      keys.push_back({entry, slot, logit});
    }
  }
  return keys;
}

/** TileJob::skip_log2, of a key block. The running maximum as executors have it: a whole number, and one is allowed for it. */
bool skips(const TileJob& job, const std::vector<ScoredKey>& keys, double running) {
  if (!(job.skip_log2 > 0.0f)) return false;
  double highest = -std::numeric_limits<double>::infinity();
  for (const ScoredKey& key : keys) {
    // A fault is never skipped.
    if (std::isnan(key.logit)) return false;
    highest = std::max(highest, key.logit);
  }
  return highest < std::ceil(running) - job.skip_log2 - 1.0;
}

/** A row's total over the entries [begin, end) of the list, as RowPart has it; returns maximum and sum. */
RowPart attend_split(const TileJob& job, const float* q, int position, PageList pages, float* values) {
  RunningSoftmax softmax;
  for (int begin = pages.begin; begin < pages.end;) {
    const int end = std::min(pages.end, (begin / job.block_pages + 1) * job.block_pages);
    const std::vector<ScoredKey> keys = scored_keys(job, q, position, begin, end);
    begin = end;
    if (skips(job, keys, softmax.maximum)) continue;
    for (const ScoredKey& key : keys) softmax.add(key.logit, reader_of(job, key.entry), key.slot);
  }
  if (softmax.denominator == 0.0) return {values, 0.0f, 0.0f};
  const double maximum = std::ceil(softmax.maximum);
  const double factor = std::exp2(softmax.maximum - maximum);
  for (int d = 0; d < job.pool.head_dim; ++d) values[d] = static_cast<float>(softmax.sum[d] * factor);
  return {values, static_cast<float>(maximum), static_cast<float>(softmax.denominator * factor)};
}

float merge_parts(const RowPart* parts, int count, int head_dim, float* out) {
  double maximum = -std::numeric_limits<double>::infinity();
  for (int i = 0; i < count; ++i) {
    if (parts[i].sum > 0.0f) maximum = std::max(maximum, static_cast<double>(parts[i].maximum));
  }
  double total = 0.0;
  double values[kMaxHeadDim] = {};
  for (int i = 0; i < count; ++i) {
    if (parts[i].sum == 0.0f) continue;
    const double share = std::exp2(parts[i].maximum - maximum);
    total += share * parts[i].sum;
    for (int d = 0; d < head_dim; ++d) values[d] += share * parts[i].values[d];
  }
  const bool empty = total == 0.0;
  for (int d = 0; d < head_dim; ++d) out[d] = empty ? 0.0f : static_cast<float>(values[d] / total);
  return empty ? -std::numeric_limits<float>::infinity()
               : static_cast<float>((maximum + std::log2(total)) * static_cast<double>(kLn2));
}

/** The splits of one row, each summed by itself. */
struct RowSplits {
  std::vector<float> values;
  std::vector<RowPart> parts;

  void run(const TileJob& job, const float* q, int position) {
    const size_t dim = static_cast<size_t>(job.pool.head_dim);
    const int first = job.pages.begin / job.split_pages;
    const int count = job.pages.end > job.pages.begin ? (job.pages.end - 1) / job.split_pages + 1 - first : 0;
    values.resize(static_cast<size_t>(count) * dim);
    parts.clear();
    for (int i = 0; i < count; ++i) {
      PageList pages = job.pages;
      pages.begin = std::max(pages.begin, (first + i) * job.split_pages);
      pages.end = std::min(pages.end, (first + i + 1) * job.split_pages);
      parts.push_back(attend_split(job, q, position, pages, values.data() + static_cast<size_t>(i) * dim));
    }
  }
};

void run_tile(const TileJob& job) {
  RowSplits row_splits;
  for (int row = 0; row < job.tokens * job.group; ++row) {
    const size_t token = static_cast<size_t>(row / job.group);
    const size_t head = static_cast<size_t>(row % job.group) * job.pool.head_dim;
    float* out = job.out + token * job.out_stride + head;
    row_splits.run(job, job.q + token * job.q_stride + head, job.first_position + row / job.group);
    const std::vector<RowPart>& parts = row_splits.parts;
    if (job.lse != nullptr) {
      job.lse[row] = merge_parts(parts.data(), static_cast<int>(parts.size()), job.pool.head_dim, out);
      continue;
    }
    // A tile without lse is one split at most.
    const RowPart part = parts.empty() ? RowPart{out, 0.0f, 0.0f} : parts.front();
    for (int d = 0; d < job.pool.head_dim; ++d) out[d] = part.sum == 0.0f ? 0.0f : part.values[d];
    job.maxima[row] = part.maximum;
    job.sums[row] = part.sum;
  }
}

constexpr KernelTable kTable{append_run, run_tile, merge_parts, &kScalarScores};
constexpr KernelTable kInt8Table{append_run, run_integer_tile<DotPlain>, merge_integer_parts<VecPlain>, &kScalarScores};

}  // namespace

const KernelTable* scalar_kernels(KvDtype dtype) {
  switch (dtype) {
    case KvDtype::kBf16:
    case KvDtype::kF32:
      return &kTable;
    case KvDtype::kInt8:
      return &kInt8Table;
  }
  return nullptr;
}

}  // namespace longhaul::attention
