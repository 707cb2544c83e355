// Paged attention over one ragged batch: the entry point of the attention kernels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "../cpu/candidates.h"
#include "kv_layout.h"
#include "parallel_for.h"
#include "policy/sequence_state.h"
#include "selector.h"

namespace longhaul {

namespace attention {
struct KernelTable;
class AttentionProbe;
}
using AttentionCandidate = cpu::Candidate<attention::KernelTable>;

/** All kernels of this build for pools of that type, see cpu::Candidate. */
std::span<const AttentionCandidate> attention_candidates(KvDtype dtype);

/** Entry of HeadTables for a page that the KV head has let go of: it attends to none of that page's tokens. */
constexpr int32_t kNoPage = -1;

/** Tables of a sequence whose KV heads hold different pages, in place of its row of AttentionProblem::block_table. */
struct HeadTables {
  int sequence = 0;
  /**
   * [layers][kv_heads][block_table_width] page numbers, or kNoPage. Pages that get new tokens are held by every head;
   * entries behind the sequence's last page are ignored.
   */
  std::vector<int32_t> pages;
};

/** What audited queries lost to their policy, a query of a KV head being one sample: means over its query heads. */
struct AuditTotals {
  uint64_t samples = 0;
  /** Attention mass of the keys looked at, of that of all: 1 where nothing was lost. */
  double recall_sum = 0.0;
  double recall_least = 1.0;
  /** Relative L2 error of the output. */
  double error_sum = 0.0;

  void add(const AuditTotals& other) {
    samples += other.samples;
    recall_sum += other.recall_sum;
    recall_least = std::min(recall_least, other.recall_least);
    error_sum += other.error_sum;
  }
};

/** Pairs of a query and a page, by phase: of which the query might see a token, and of which it does. */
struct SequenceDensity {
  uint64_t prefill_visible = 0;
  uint64_t prefill_read = 0;
  uint64_t decode_visible = 0;
  uint64_t decode_read = 0;
  /** As AttentionReport has it; what the audit reads is not counted. */
  uint64_t kv_read_bytes = 0;
  AuditTotals audit;
};

/** What a call of attend() did. */
struct AttentionReport {
  /** Bytes of the slices that queries looked at, each slice once, however many blocks of queries read it. */
  uint64_t kv_read_bytes = 0;
  /** One per entry of AttentionProblem::policies, over all KV heads. */
  std::vector<SequenceDensity> sequences;
  /** Nanoseconds that went into scoring and choosing, all threads together. */
  uint64_t select_ns = 0;
  /** Most bytes that a thread keeps for that, see scoring/scoring.h. */
  uint64_t score_bytes = 0;
};

/**
 * One layer of attention for one step: T new tokens of B sequences, flattened in the order of the sequences. Sequence b
 * owns rows [cu_seqlens[b], cu_seqlens[b+1]), which follow past_lens[b] tokens already in the pool. Prefill chunks,
 * decode tokens and verification runs are the same thing. All arrays row-major, borrowed for the call.
 */
struct AttentionProblem {
  /** [T, (heads + 2 kv_heads) head_dim], q | k | v of each token before norm and rotation. */
  const float* qkv = nullptr;
  /**
   * [T, rope_dim], first half cosines, second half sines; pairs dimension i with i + rope_dim / 2. Null: no rotation.
   */
  const float* rope = nullptr;
  /** Even, at most head_dim; dimensions from rope_dim on are left alone. */
  int rope_dim = 0;
  /** [B + 1], ascending from 0 to T. */
  const int32_t* cu_seqlens = nullptr;
  /** [B] tokens already in the pool. */
  const int32_t* past_lens = nullptr;
  /** [B, block_table_width] page numbers in the order of the sequence; row b covers past_lens[b] + its new tokens. */
  const int32_t* block_table = nullptr;
  int block_table_width = 0;
  /** Of the sequences that have tables per KV head, ascending by sequence; usually none. Borrowed for the call. */
  std::span<const HeadTables> head_tables;
  int batch = 0;
  /**
   * [B] sequences that are left out where not 0: nothing of theirs is read or appended, their rows of `out` become 0.
   * Null: none.
   */
  const uint8_t* skipped = nullptr;

  /**
   * The table of a candidate for the pool's type that runs here: the same one in every call over a pool, or a token gets
   * other bits in decode than in prefill. Null: the last one that runs here.
   */
  const attention::KernelTable* kernels = nullptr;

  /** Of the sequences that have a policy, ascending by sequence; the others are dense. Borrowed for the call. */
  std::span<const attention::PolicySequence> policies;

  /** What looks at the queries of the call (probe/probe.h); null: nobody. */
  attention::AttentionProbe* probe = nullptr;

  /** In place of what policies choose; null: they do, and who has none is dense. Borrowed for the call. */
  const Selector* selector = nullptr;

  /** Written at the new tokens of `layer`. No page may be the last page of two sequences of the batch. */
  KvPoolView pool;
  int layer = 0;

  int heads = 0;
  /** Divides `heads`. */
  int kv_heads = 0;
  /** Multiple of 16, 32 to 256. */
  int head_dim = 0;
  /** Multiplies q·k, for example 1/sqrt(head_dim). */
  float scale = 1.0f;
  /** 0: none. Otherwise the query at position p sees the keys at positions in (p - window, p]. */
  int window = 0;
  /** 0: none. Otherwise a logit s becomes softcap * tanh(s / softcap). */
  float softcap = 0.0f;

  /** [head_dim] weights of the RMS norm of every query (key) head, before rotation. Null: none. */
  const float* q_norm = nullptr;
  const float* k_norm = nullptr;
  float norm_eps = 1e-6f;
  /** [heads] logit per head that joins the denominator of the softmax and carries no value. Null: none. */
  const float* sinks = nullptr;

  /** [T, heads * head_dim]; holds the rotated queries meanwhile. Must not overlap qkv. */
  float* out = nullptr;

  /** The tables of a sequence that has them per KV head; null: all its heads share its row of block_table. */
  const HeadTables* head_tables_of(int sequence) const {
    const auto found = std::lower_bound(head_tables.begin(), head_tables.end(), sequence,
                                        [](const HeadTables& tables, int wanted) { return tables.sequence < wanted; });
    return found != head_tables.end() && found->sequence == sequence ? &*found : nullptr;
  }

  /** Index of the policy of a sequence; -1: it has none. */
  int policy_of(int sequence) const {
    const auto found = std::lower_bound(policies.begin(), policies.end(), sequence,
                                        [](const attention::PolicySequence& policy, int wanted) { return policy.sequence < wanted; });
    return found != policies.end() && found->sequence == sequence ? static_cast<int>(found - policies.begin()) : -1;
  }

  /** [block_table_width] the page of each logical page of a KV head of a sequence, in this layer. */
  const int32_t* page_row(int sequence, int kv_head) const {
    if (const HeadTables* tables = head_tables_of(sequence)) {
      const size_t row = static_cast<size_t>(layer) * static_cast<size_t>(kv_heads) + static_cast<size_t>(kv_head);
      return tables->pages.data() + row * static_cast<size_t>(block_table_width);
    }
    return block_table + static_cast<size_t>(sequence) * static_cast<size_t>(block_table_width);
  }
};

/**
 * First fault of a problem, as a short English phrase that names the field, or null. O(B * width), where heads have
 * tables of their own O(B * kv_heads * width). attend() itself
 * trusts its argument: call this where the values come from outside.
 */
const char* find_fault(const AttentionProblem& problem);

/**
 * Appends the new keys and values to the pool, then writes the attention of the new tokens to `out`. Throws Fault
 * INVALID_ARGUMENT (field "selector") for a selection that does not ascend, leaves what its block sees or its head holds, and
 * RESOURCE_EXHAUSTED (field "attention") before anything is appended where scoring takes more memory than it may.
 *
 * What a token gets depends on its own sequence alone, bit for bit, not on its neighbours in the batch nor on the
 * number of threads. Another cut of a prompt into chunks changes results by rounding only; under a policy that ranks, if
 * chunks end at multiples of kBlockTokens. Slots of a page beyond the
 * end of its sequence may hold anything, NaN included, when the page is taken into use: the first token of a page
 * clears it. Safe to call at the same time for different layers or pools; not twice for one sequence.
 */
AttentionReport attend(const AttentionProblem& problem, const ParallelFor& parallel_for);

}  // namespace longhaul
