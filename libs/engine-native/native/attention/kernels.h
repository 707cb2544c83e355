// What the orchestration (attend.cc) asks of a kernel level. Internal to this folder.
//
// Executors take a list of pages per (sequence, KV head, block of queries). A tile of all its keys writes normalised rows
// and their lse; a tile that is one split leaves sums, relative to a whole power of two, which merge_row adds in order.
// Dense attention is the full list. Softmax over values happens here, and where a summary joins a row (policy/summary.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "attention.h"

namespace longhaul::attention {

/**
 * A run of new tokens of one sequence within one page of each KV head. Appending a run norms and rotates its queries into
 * AttentionProblem::out (times the softmax scale) and its keys and values into the page.
 */
struct AppendRun {
  /** First row of the batch, and how many follow. */
  int row;
  int tokens;
  /** Slot of the first token; slot 0 opens the page, which clears it first. */
  int slot;
  int sequence;
  /** The page's number in the sequence; AttentionProblem::page_row() has it in the pool. */
  int logical;
};

constexpr int kMaxBlockPages = 16;

/** What whoever runs a tile is likely to run next; its first pages are fetched meanwhile. Empty where nothing is known. */
struct TileAhead {
  PageList pages{nullptr, 0, 0};
  const int32_t* block_row = nullptr;
  int kv_head = 0;
};

/** What a query sees of keys at consecutive positions, key i in bit i: those up to `newest`, and those from `oldest` on. */
static inline uint16_t keys_up_to(int newest) {
  return newest < 0 ? 0 : newest >= kPageTokens - 1 ? 0xffff : static_cast<uint16_t>((2u << newest) - 1);
}
static inline uint16_t keys_from(int oldest) { return static_cast<uint16_t>(~keys_up_to(oldest - 1)); }

/** Attention of `tokens` consecutive queries of one KV-head group (tokens x group rows) over a list of pages. */
struct TileJob {
  KvPoolView pool;
  int layer;
  int kv_head;
  int group;
  int tokens;
  /** Position of the first query in its sequence. */
  int first_position;
  /** 0: none. Otherwise the query at position p sees the keys at positions in (p - window, p], and those below `sink`. */
  int window;
  int sink;
  /** 0: none. Otherwise it sees no key at p - reach or before, below `sink` or not: a model's own window round a policy's. */
  int reach;
  /** softcap * log2(e), or 0. */
  float softcap_log2;
  /**
   * 0: off. Otherwise a key block (in an int8 pool a group of pages) counts nothing for a row where its largest logit lies
   * at least that far below the largest so far of the row's split, in units of log2. Pools of floats allow up to one more,
   * since the largest so far is kept as a whole number.
   */
  float skip_log2;
  /** Rotated queries in units of log2 (or of tanh's argument when there is a soft-cap), token t at q + t * q_stride. */
  const float* q;
  size_t q_stride;
  /** Where O goes, same shape as q; may be q itself. */
  float* out;
  size_t out_stride;
  /**
   * [tokens * group] natural logarithm of the sum of exponentials; -inf (and O = 0) where no key is visible. Null when
   * the tile is one split of its keys: then O is left as a sum, and `maxima` and `sums` say relative to what.
   */
  float* lse;
  /** [tokens * group] of a split: the whole power of two that O and `sums` are relative to, and the exponentials' sum. */
  float* maxima;
  float* sums;
  /** Physical page of a logical page. */
  const int32_t* block_row;
  PageList pages;
  /** By entry of `pages`: bit t is 0 where token t of the page does not count. Null: all do. */
  const uint16_t* page_tokens;
  /** Entries of `pages` between two updates of the running softmax, 1 to kMaxBlockPages; cuts fall on its multiples. */
  int block_pages;
  /**
   * Entries of `pages` that are summed by themselves, a multiple of block_pages; cuts fall on its multiples. The splits
   * are then added in order. Whoever runs them, one tile or one tile each, adds the same numbers in the same order.
   */
  int split_pages;
  TileAhead ahead;
};

/** One row of one split: O and the sum of exponentials, both relative to 2^maximum. */
struct RowPart {
  const float* values;
  float maximum;
  float sum;
};

struct ScoreTable;

struct KernelTable {
  void (*append)(const AttentionProblem& problem, const AppendRun& run);
  void (*run_tile)(const TileJob& job);
  /** Adds the splits of a row in the order given; writes the normalised row, returns its lse as TileJob has it. */
  float (*merge_row)(const RowPart* parts, int count, int head_dim, float* out);
  /** Scorers of the same level (scoring/scoring.h); null: the reference's. */
  const ScoreTable* scores = nullptr;
};

/** What dispatch.cc lists, with what each needs. Null where this build has no such kernels. */
const KernelTable* scalar_kernels(KvDtype dtype);
const KernelTable* avx2_kernels(KvDtype dtype);
#if defined(__x86_64__) && !defined(LONGHAUL_EMULATE_AVX512) && (defined(__clang__) || __GNUC__ >= 11)
/** Compilers before know no AVX-VNNI. */
#define LONGHAUL_HAS_AVX_VNNI
const KernelTable* avxvnni_kernels(KvDtype dtype);
#endif
const KernelTable* avx512_kernels(KvDtype dtype);
const KernelTable* avx512vnni_kernels(KvDtype dtype);
const KernelTable* avx512bf16_kernels(KvDtype dtype);
const KernelTable* amx_kernels(KvDtype dtype);
const KernelTable* amx_bf16_kernels(KvDtype dtype);

constexpr float kLog2e = 1.44269504088896340736f;
constexpr float kLn2 = 0.69314718055994530942f;

/** What queries are multiplied with, so that kernels need no further factor before 2^x (or tanh). */
static inline float query_scale(const AttentionProblem& problem) {
  return problem.softcap > 0.0f ? problem.scale / problem.softcap : problem.scale * kLog2e;
}

}  // namespace longhaul::attention
