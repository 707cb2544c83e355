#include "plan.h"

#include <algorithm>
#include <string>

#include "../fault.h"
#include "policy/density.h"

namespace longhaul::attention {
namespace {

/** Query rows (tokens x group) of a prefill tile, about: enough that converting and fetching keys costs little. */
constexpr int kTileRows = 192;
/** Tokens of a prefill tile are a multiple of this, so that row blocks come out even for every group size. */
constexpr int kTileTokenStep = 6;

int tile_tokens(const AttentionProblem& p) {
  const int group = p.heads / p.kv_heads;
  return std::max(1, kTileRows / (group * kTileTokenStep)) * kTileTokenStep;
}

void require_selection(const AttentionProblem& p, const QueryBlock& block, const Selection& selection) {
  // The page of the last query is always held and visible: the list has entries.
  const int newest = block.visible.at(block.visible.end - 1);
  const int32_t* row = p.page_row(block.sequence, block.kv_head);
  int last = -1;
  for (const int32_t page : selection.pages) {
    if (page <= last) throw invalid("selector", "pages must ascend from 0 on");
    if (page > newest)
      throw invalid("selector", "page " + std::to_string(page) + " is beyond the " + std::to_string(newest) +
                                    ", the last that the block sees");
    if (row[page] == kNoPage) throw invalid("selector", "page " + std::to_string(page) + " is not held by the KV head");
    last = page;
  }
  if (!selection.tokens.empty() && selection.tokens.size() != selection.pages.size())
    throw invalid("selector", "tokens must be given for every page or for none");
}

/** The same pages as a range where they are one: then entries are page numbers, and sums are cut as dense ones are. */
BlockPages pages_of(const QueryBlock& block, const Selection& selection) {
  const std::vector<int32_t>& pages = selection.pages;
  const int count = static_cast<int>(pages.size());
  if (!selection.tokens.empty()) return {{pages.data(), 0, count}, selection.tokens.data()};
  const bool held_apart = block.visible.logical != nullptr;
  if (held_apart && count == block.visible.size()) return {block.visible, nullptr};
  const bool range = !held_apart && count > 0 && pages.back() - pages.front() == count - 1;
  if (range) return {{nullptr, pages.front(), pages.back() + 1}, nullptr};
  return {{pages.data(), 0, count}, nullptr};
}

/** Whether no query at `first` or later sees a token of a page. */
bool is_behind(int page, const StaticMask& mask, int first) {
  const int key = page * kPageTokens;
  if (mask.reach > 0 && key + kPageTokens - 1 <= first - mask.reach) return true;
  return mask.window > 0 && key + kPageTokens - 1 <= first - mask.window && key >= mask.sink;
}

/** Without the entries at its ends that no query at a position in [first, last] sees. */
PageList trimmed(const PageList& pages, const StaticMask& mask, int first, int last) {
  PageList kept = pages;
  if (kept.logical == nullptr) {
    kept.end = std::min(kept.end, last / kPageTokens + 1);
  } else {
    const int32_t* end = std::upper_bound(kept.logical + kept.begin, kept.logical + kept.end, last / kPageTokens);
    kept.end = static_cast<int>(end - kept.logical);
  }
  while (kept.begin < kept.end && is_behind(kept.at(kept.begin), mask, first)) ++kept.begin;
  return kept;
}

}  // namespace

StaticMask mask_of(const AttentionProblem& p, const QueryBlock& block) {
  if (block.plan == nullptr || block.plan->rule != Rule::kNone) return {p.window, 0, 0};
  const int window = block.plan->window_tokens;
  if (p.window > 0 && window >= p.window) return {p.window, 0, 0};
  return {window, block.plan->sink_tokens, p.window};
}

void Plan::begin(const AttentionProblem& problem) {
  runs.clear();
  blocks.clear();
  selection_runs.clear();
  densities.assign(problem.policies.size(), {});
  units.clear();
  merges.clear();
  partials.clear();
  partial_floats = 0;
  scalar_floats = 0;
  cost = 0.0;
  slices_read = 0;
  held_.clear();
  // Lists point into it: it must not grow.
  held_.reserve(problem.head_tables.size() * static_cast<size_t>(problem.kv_heads) *
                static_cast<size_t>(problem.block_table_width));
  for (int sequence = 0; sequence < problem.batch; ++sequence) {
    if (span_of(problem, sequence).tokens == 0 || is_skipped(problem, sequence)) continue;
    add_runs(problem, sequence);
    add_blocks(problem, sequence);
  }
  add_selection_runs(problem);
}

void Plan::add_tiles(const AttentionProblem& problem, const std::vector<Selection>& selections) {
  read_until_.resize(static_cast<size_t>(problem.kv_heads));
  if (problem.selector != nullptr || !problem.policies.empty())
    last_reader_.assign(static_cast<size_t>(problem.kv_heads) * static_cast<size_t>(problem.block_table_width), -1);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const QueryBlock& block = blocks[i];
    BlockPages list{block.visible, nullptr};
    if (is_selected(problem, block)) {
      require_selection(problem, block, selections[i]);
      list = pages_of(block, selections[i]);
    }
    count(problem, block, list.pages);
    add_block_tiles(problem, static_cast<int>(i), list);
  }
  std::stable_sort(units.begin(), units.end(), [](const Unit& a, const Unit& b) { return a.cost > b.cost; });
}

void Plan::add_block_tiles(const AttentionProblem& problem, int index, const BlockPages& list) {
  const QueryBlock& block = blocks[static_cast<size_t>(index)];
  const StaticMask mask = mask_of(problem, block);
  const int in_a_row = block.owner >= 0 ? block.tokens : span_of(problem, block.sequence).tokens;
  const int step = in_a_row <= kDecodeTokens ? block.tokens : tile_tokens(problem);
  for (int begin = 0; begin < block.tokens; begin += step) {
    const int count = std::min(step, block.tokens - begin);
    const int first = block.first_position + begin;
    const PageList pages = trimmed(list.pages, mask, first, first + count - 1);
    const Unit unit{index, block.sequence, block.kv_head, block.first_token + begin, count, pages, list.tokens, -1, -1, 0.0};
    if (in_a_row <= kDecodeTokens) add_split(problem, unit);
    else add_unit(problem, unit);
  }
}

void Plan::add_selection_runs(const AttentionProblem& p) {
  for (int i = 0; i < static_cast<int>(blocks.size()); ++i) {
    const QueryBlock& block = blocks[static_cast<size_t>(i)];
    if (!is_selected(p, block)) continue;
    const bool follows = !selection_runs.empty() && selection_runs.back().end == i && block.plan != nullptr &&
                         block.plan->has_memory() && blocks[static_cast<size_t>(i) - 1].plan == block.plan &&
                         blocks[static_cast<size_t>(i) - 1].kv_head == block.kv_head &&
                         blocks[static_cast<size_t>(i) - 1].owner == block.owner;
    if (follows) ++selection_runs.back().end;
    else selection_runs.push_back({i, i + 1});
  }
}

void Plan::add_runs(const AttentionProblem& p, int sequence) {
  const Span span = span_of(p, sequence);
  for (int done = 0; done < span.tokens;) {
    const int position = span.first_position + done;
    const int slot = position % kPageTokens;
    const int count = std::min(span.tokens - done, kPageTokens - slot);
    const int logical = position / kPageTokens;
    runs.push_back({span.first_token + done, count, slot, sequence, logical});
    done += count;
  }
}

void Plan::add_blocks(const AttentionProblem& p, int sequence) {
  const HeadTables* tables = p.head_tables_of(sequence);
  held_by_head_.assign(static_cast<size_t>(p.kv_heads), PageList{});
  for (int head = 0; tables != nullptr && head < p.kv_heads; ++head) {
    held_by_head_[static_cast<size_t>(head)] = held_pages(p, *tables, head);
  }
  const int owner = p.policy_of(sequence);
  if (owner >= 0) return cut_by_position(p, owner, held_by_head_, blocks);
  const int tokens = span_of(p, sequence).tokens;
  cut_evenly(p, sequence, held_by_head_, tokens <= kDecodeTokens ? tokens : tile_tokens(p), blocks);
}

PageList Plan::held_pages(const AttentionProblem& p, const HeadTables& tables, int kv_head) {
  const int32_t* row = p.page_row(tables.sequence, kv_head);
  const size_t first = held_.size();
  for (int page = 0; page < p.block_table_width; ++page) {
    if (row[page] != kNoPage) held_.push_back(page);
  }
  return {held_.data() + first, 0, static_cast<int>(held_.size() - first)};
}

void Plan::count(const AttentionProblem& p, const QueryBlock& block, const PageList& pages) {
  const uint64_t before = slices_read;
  // A sequence's blocks are counted in one way, or pages would be counted in both.
  if (p.selector == nullptr && block.owner < 0) count_range(p, block);
  else count_selected(p, block, pages);
  if (block.owner < 0) return;
  SequenceDensity& density = densities[static_cast<size_t>(block.owner)];
  density.kv_read_bytes += slices_read - before;
  count_pairs(p, block, pages, density);
}

void Plan::count_range(const AttentionProblem& p, const QueryBlock& block) {
  int& until = read_until_[static_cast<size_t>(block.kv_head)];
  if (block.first_token == p.cu_seqlens[block.sequence]) until = block.visible.begin;
  slices_read += static_cast<uint64_t>(block.visible.end - std::max(until, block.visible.begin));
  until = block.visible.end;
}

void Plan::count_selected(const AttentionProblem& p, const QueryBlock& block, const PageList& pages) {
  int32_t* readers = last_reader_.data() + static_cast<size_t>(block.kv_head) * static_cast<size_t>(p.block_table_width);
  const StaticMask mask = mask_of(p, block);
  for (int entry = pages.begin; entry < pages.end; ++entry) {
    // The list of a mask is that of its whole cut.
    if (is_behind(pages.at(entry), mask, block.first_position)) continue;
    int32_t& reader = readers[pages.at(entry)];
    slices_read += reader == block.sequence ? 0 : 1;
    reader = block.sequence;
  }
}

void Plan::add_split(const AttentionProblem& p, const Unit& whole) {
  const PageList& pages = whole.pages;
  const int first_split = pages.begin / kSplitPages;
  const int splits = pages.size() == 0 ? 1 : (pages.end - 1) / kSplitPages + 1 - first_split;
  if (splits == 1) return add_unit(p, whole);
  Unit unit = whole;
  const size_t rows = static_cast<size_t>(whole.tokens) * (p.heads / p.kv_heads);
  const size_t padded_rows = (rows + 15) / 16 * 16;
  unit.merge = static_cast<int>(merges.size());
  merges.push_back({static_cast<int>(partials.size()), splits});
  for (int split = 0; split < splits; ++split) {
    unit.pages.begin = std::max(pages.begin, (first_split + split) * kSplitPages);
    unit.pages.end = std::min(pages.end, (first_split + split + 1) * kSplitPages);
    unit.partial = static_cast<int>(partials.size());
    partials.push_back({partial_floats, scalar_floats, scalar_floats + padded_rows});
    partial_floats += rows * static_cast<size_t>(p.head_dim);
    scalar_floats += 2 * padded_rows;
    add_unit(p, unit);
  }
}

void Plan::add_unit(const AttentionProblem& p, Unit unit) {
  const double rows = static_cast<double>(unit.tokens) * (p.heads / p.kv_heads);
  // A page costs at least its own bytes, as much as computing a few rows takes.
  unit.cost = (unit.pages.end - unit.pages.begin) * static_cast<double>(p.head_dim) * std::max(rows, 4.0);
  cost += unit.cost;
  units.push_back(unit);
}

}  // namespace longhaul::attention
