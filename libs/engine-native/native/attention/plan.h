// Which work there is: runs of tokens to append, tiles to execute, partial results to merge. Internal to this folder.
#pragma once

#include <vector>

#include "kernels.h"
#include "query_blocks.h"

namespace longhaul::attention {

/** Sequences with at most this many new tokens are decoded: all queries in one tile, keys cut into splits. */
constexpr int kDecodeTokens = 16;

/**
 * Pages of a key block: long enough that rescaling costs little, short enough that K and V stay in L2 while the row
 * blocks of a prefill tile pass over them. The same for decode, so that both add in the same order.
 */
constexpr int block_pages(int head_dim) { return head_dim <= 64 ? 16 : head_dim <= 128 ? 8 : 4; }

/**
 * Pages of one split. Fixed, and cut at its multiples, so that a token's result does not depend on the chunk it came
 * in, on the batch or on the number of threads. A multiple of every key block.
 */
constexpr int kSplitPages = 128;

/**
 * One tile: `tokens` queries of one KV-head group against `pages`. A tile whose keys are split belongs to a merge, and
 * its result goes into partials[partial].
 */
struct Unit {
  /** Index into Plan::blocks. */
  int block;
  int sequence;
  int kv_head;
  int first_token;
  int tokens;
  PageList pages;
  /** By entry of `pages`, see TileJob::tokens. */
  const uint16_t* page_tokens;
  /** Index into Plan::merges, or -1: the tile writes the output itself. */
  int merge;
  int partial;
  double cost;
};

/** The splits of one tile: partials [first_partial, first_partial + partials), merged by whoever finishes last. */
struct Merge {
  int first_partial;
  int partials;
};

/**
 * Storage of one split's result: `rows` x head_dim floats at values + offset, `rows` floats of maxima at
 * scalars + maxima_offset and of sums at scalars + sums_offset.
 */
struct Partial {
  size_t offset;
  size_t maxima_offset;
  size_t sums_offset;
};

/** True for a sequence that the caller leaves out. */
inline bool is_skipped(const AttentionProblem& problem, int sequence) {
  return problem.skipped != nullptr && problem.skipped[sequence] != 0;
}

/** Query blocks [begin, end) that are selected for one after the other. */
struct SelectionRun {
  int begin;
  int end;
};

/** What a block attends to. */
struct BlockPages {
  PageList pages;
  const uint16_t* tokens;
};

/** Which keys of its pages a query sees, as TileJob has it. */
struct StaticMask {
  int window = 0;
  int sink = 0;
  int reach = 0;
};

/** The window of the model, and the mask of the block's plan. */
StaticMask mask_of(const AttentionProblem& problem, const QueryBlock& block);

struct Plan {
  std::vector<AppendRun> runs;
  std::vector<QueryBlock> blocks;
  /** Of the blocks that somebody selects for. */
  std::vector<SelectionRun> selection_runs;
  std::vector<Unit> units;
  std::vector<Merge> merges;
  std::vector<Partial> partials;
  size_t partial_floats = 0;
  size_t scalar_floats = 0;
  double cost = 0.0;
  /** Slices that some tile reads, each once per KV head of a sequence. */
  uint64_t slices_read = 0;
  /** By entry of AttentionProblem::policies; without their bytes: slices in kv_read_bytes. */
  std::vector<SequenceDensity> densities;

  /** Replaces the plan by what is to be appended, and the blocks of queries; keeps the memory. */
  void begin(const AttentionProblem& problem);

  /** Adds the tiles. `selections` is by block; of one that nobody selects for it is not looked at. Throws Fault for lists that
   * are none. */
  void add_tiles(const AttentionProblem& problem, const std::vector<Selection>& selections);

  /** Whether somebody selects for a block; otherwise it attends to all that it sees. */
  static bool is_selected(const AttentionProblem& problem, const QueryBlock& block) {
    return problem.selector != nullptr || block.plan != nullptr;
  }

 private:
  void add_runs(const AttentionProblem& problem, int sequence);
  void add_blocks(const AttentionProblem& problem, int sequence);
  void add_selection_runs(const AttentionProblem& problem);
  void add_block_tiles(const AttentionProblem& problem, int block, const BlockPages& list);
  void add_split(const AttentionProblem& problem, const Unit& whole);
  void add_unit(const AttentionProblem& problem, Unit unit);
  PageList held_pages(const AttentionProblem& problem, const HeadTables& tables, int kv_head);
  /** Of blocks that read all they see: a sequence's blocks come in order, and what they see moves on. */
  void count_range(const AttentionProblem& problem, const QueryBlock& block);
  void count_selected(const AttentionProblem& problem, const QueryBlock& block, const PageList& pages);
  void count(const AttentionProblem& problem, const QueryBlock& block, const PageList& pages);

  /** Logical pages that the heads of sequences with tables per head hold, list after list. */
  std::vector<int32_t> held_;
  /** [kv_heads] of the sequence at hand; lists without pages where all heads share a table. */
  std::vector<PageList> held_by_head_;
  /** [kv_heads] entries of the sequence at hand that some block has read. */
  std::vector<int> read_until_;
  /** [kv_heads][block_table_width] the last sequence of which some tile reads that page. */
  std::vector<int32_t> last_reader_;
};

}  // namespace longhaul::attention
