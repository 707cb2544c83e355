// The seam of attention policies: what a block of queries looks at, out of what it may see.
//
// attend() runs in phases: append, which tells the selector what each page has got; then one selection per (sequence,
// KV head, block of queries); then tiles over the selected pages, cut into splits; then the merge, summaries and the audit.
// A problem without a selector gets what the policies of its sequences choose; a sequence without a policy is dense, the
// identity.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "policy/head_plan.h"

namespace longhaul {

struct AttentionProblem;

/**
 * Ascending logical pages of one sequence: entries [begin, end) of `logical`, or the numbers themselves when it is
 * null.
 */
struct PageList {
  const int32_t* logical = nullptr;
  int begin = 0;
  int end = 0;

  int at(int entry) const { return logical == nullptr ? entry : logical[entry]; }
  int size() const { return end - begin; }

  /** The entries of pages [first, last); none where there are none between. */
  PageList between(int first, int last) const {
    if (logical == nullptr) {
      const int from = std::clamp(first, begin, std::max(begin, end));
      return {nullptr, from, std::clamp(last, from, std::max(from, end))};
    }
    const int32_t* from = std::lower_bound(logical + begin, logical + end, first);
    return {logical, static_cast<int>(from - logical), static_cast<int>(std::lower_bound(from, logical + end, last) - logical)};
  }
};

/** Tokens that a page of a layer has just got, in all its KV heads. */
struct PageAppend {
  int sequence;
  /** Number in the sequence; AttentionProblem::page_row() has it in the pool. */
  int logical;
  /** First token within the page, and how many. */
  int slot;
  int tokens;
};

/**
 * Consecutive queries of one KV-head group that share a list of pages: a tile of prefill, or all of a decode step. Under a
 * policy blocks are cut by position (query_blocks.h): each decode query is one.
 */
struct QueryBlock {
  int sequence;
  int kv_head;
  /** Row of the batch, and position in the sequence, of the first query. */
  int first_token;
  int first_position;
  int tokens;
  /** Logical pages that the KV head holds, and of which some query of the block sees a token. */
  PageList visible;
  /** Index into AttentionProblem::policies; -1: the sequence has none. */
  int owner = -1;
  attention::Phase phase = attention::Phase::kPrefill;
  /** Null: it attends to all that it sees. */
  const attention::HeadPlan* plan = nullptr;
  /** Where the positions were cut; the queries of the block that came in an earlier step lie between it and the first. */
  int cut_position = 0;
};

/** What a block attends to. */
struct Selection {
  /** Logical pages, strictly ascending. */
  std::vector<int32_t> pages;
  /** By entry of `pages`: bit t for token t of the page. Empty: all of them. */
  std::vector<uint16_t> tokens;
  /**
   * What is dropped, as one further row of a block of one query (policy/summary.h): [group] natural logits, and the value
   * [head_dim]. Empty: it does not count.
   */
  std::vector<float> summary_logits;
  std::vector<float> summary_value;

  void clear() {
    pages.clear();
    tokens.clear();
    summary_logits.clear();
    summary_value.clear();
  }
};

class Selector {
 public:
  virtual ~Selector() = default;

  /**
   * The page has got its keys and values, and the metadata that the pool keeps (kv_metadata.h) is that of its tokens; the
   * page is sealed when slot + tokens is kPageTokens. For what the selector itself keeps per page. From any thread, several at a time, never twice for one page of a layer.
   */
  virtual void appended(const AttentionProblem& problem, const PageAppend& append) const;

  /**
   * Writes the logical pages that the block attends to: strictly ascending, held by its KV head, none beyond those it sees;
   * none at all leaves the block with zeros. All appends of the call have been told. From any thread, several blocks at a
   * time; those of one KV head of a sequence whose plan uses lists again, or sums up what it drops, come one after the other, in order. What a block
   * gets must not depend on the batch, or an answer depends on its neighbours.
   *
   * @param selection empty; what is in it afterwards is copied by nobody and lives as long as the call of attend().
   */
  virtual void select(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) const = 0;
};

inline void Selector::appended(const AttentionProblem&, const PageAppend&) const {}

}  // namespace longhaul
