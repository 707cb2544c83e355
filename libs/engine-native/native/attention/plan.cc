#include "plan.h"

#include <algorithm>
#include <string>

#include "../fault.h"

namespace longhaul::attention {
namespace {

/** Query rows (tokens x group) of a prefill tile, about: enough that converting and fetching keys costs little. */
constexpr int kTileRows = 192;
/** Tokens of a prefill tile are a multiple of this, so that row blocks come out even for every group size. */
constexpr int kTileTokenStep = 6;

struct Span {
  int first_token;
  int tokens;
  int first_position;
};

Span span_of(const AttentionProblem& p, int sequence) {
  return {p.cu_seqlens[sequence], p.cu_seqlens[sequence + 1] - p.cu_seqlens[sequence], p.past_lens[sequence]};
}

/** Of the pages that a head holds, those that some query at a position in [first, last] sees. */
PageList visible_pages(const AttentionProblem& p, const PageList& held, int first, int last) {
  const int begin = (p.window > 0 ? std::max(0, first - p.window + 1) : 0) / kPageTokens;
  const int end = last / kPageTokens + 1;
  if (held.logical == nullptr) return {nullptr, begin, end};
  const auto entry = [&](int page) {
    const int32_t* found = std::lower_bound(held.logical + held.begin, held.logical + held.end, page);
    return static_cast<int>(found - held.logical);
  };
  return {held.logical, entry(begin), entry(end)};
}

int tile_tokens(const AttentionProblem& p) {
  const int group = p.heads / p.kv_heads;
  return std::max(1, kTileRows / (group * kTileTokenStep)) * kTileTokenStep;
}

void require_selection(const AttentionProblem& p, const QueryBlock& block, const std::vector<int32_t>& pages) {
  // The page of the last query is always held and visible: the list has entries.
  const int first = block.visible.at(block.visible.begin), newest = block.visible.at(block.visible.end - 1);
  const int32_t* row = p.page_row(block.sequence, block.kv_head);
  int last = first - 1;
  for (const int32_t page : pages) {
    if (page <= last) throw invalid("selector", "pages must ascend from " + std::to_string(first) + " on");
    if (page > newest)
      throw invalid("selector", "page " + std::to_string(page) + " is beyond the " + std::to_string(newest) +
                                    ", the last that the block sees");
    if (row[page] == kNoPage) throw invalid("selector", "page " + std::to_string(page) + " is not held by the KV head");
    last = page;
  }
}

}  // namespace

void Plan::begin(const AttentionProblem& problem) {
  runs.clear();
  blocks.clear();
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
}

void Plan::add_tiles(const AttentionProblem& problem, const Selections* selections) {
  if (selections == nullptr) read_until_.resize(static_cast<size_t>(problem.kv_heads));
  else last_reader_.assign(static_cast<size_t>(problem.kv_heads) * static_cast<size_t>(problem.block_table_width), -1);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const QueryBlock& block = blocks[i];
    PageList pages = block.visible;
    if (selections != nullptr) {
      const std::vector<int32_t>& chosen = (*selections)[i];
      require_selection(problem, block, chosen);
      pages = {chosen.data(), 0, static_cast<int>(chosen.size())};
    }
    if (selections == nullptr) count_range(problem, block);
    else count_selected(problem, block, pages);
    if (span_of(problem, block.sequence).tokens <= kDecodeTokens) {
      add_split(problem, block, pages);
    } else {
      add_unit(problem, {block.sequence, block.kv_head, block.first_token, block.tokens, pages, -1, -1, 0.0});
    }
  }
  std::stable_sort(units.begin(), units.end(), [](const Unit& a, const Unit& b) { return a.cost > b.cost; });
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
  const Span span = span_of(p, sequence);
  const int step = span.tokens <= kDecodeTokens ? span.tokens : tile_tokens(p);
  const HeadTables* tables = p.head_tables_of(sequence);
  held_by_head_.assign(static_cast<size_t>(p.kv_heads), PageList{});
  for (int head = 0; tables != nullptr && head < p.kv_heads; ++head) {
    held_by_head_[static_cast<size_t>(head)] = held_pages(p, *tables, head);
  }
  for (int begin = 0; begin < span.tokens; begin += step) {
    const int count = std::min(step, span.tokens - begin);
    const int first = span.first_position + begin;
    for (int head = 0; head < p.kv_heads; ++head) {
      const PageList pages = visible_pages(p, held_by_head_[static_cast<size_t>(head)], first, first + count - 1);
      blocks.push_back({sequence, head, span.first_token + begin, first, count, pages});
    }
  }
}

PageList Plan::held_pages(const AttentionProblem& p, const HeadTables& tables, int kv_head) {
  const int32_t* row = p.page_row(tables.sequence, kv_head);
  const size_t first = held_.size();
  for (int page = 0; page < p.block_table_width; ++page) {
    if (row[page] != kNoPage) held_.push_back(page);
  }
  return {held_.data() + first, 0, static_cast<int>(held_.size() - first)};
}

void Plan::count_range(const AttentionProblem& p, const QueryBlock& block) {
  int& until = read_until_[static_cast<size_t>(block.kv_head)];
  if (block.first_token == p.cu_seqlens[block.sequence]) until = block.visible.begin;
  slices_read += static_cast<uint64_t>(block.visible.end - std::max(until, block.visible.begin));
  until = block.visible.end;
}

void Plan::count_selected(const AttentionProblem& p, const QueryBlock& block, const PageList& pages) {
  int32_t* readers = last_reader_.data() + static_cast<size_t>(block.kv_head) * static_cast<size_t>(p.block_table_width);
  for (int entry = pages.begin; entry < pages.end; ++entry) {
    int32_t& reader = readers[pages.at(entry)];
    slices_read += reader == block.sequence ? 0 : 1;
    reader = block.sequence;
  }
}

void Plan::add_split(const AttentionProblem& p, const QueryBlock& block, const PageList& pages) {
  const int first_split = pages.begin / kSplitPages;
  const int splits = pages.size() == 0 ? 1 : (pages.end - 1) / kSplitPages + 1 - first_split;
  Unit unit{block.sequence, block.kv_head, block.first_token, block.tokens, pages, -1, -1, 0.0};
  if (splits == 1) return add_unit(p, unit);
  const size_t rows = static_cast<size_t>(block.tokens) * (p.heads / p.kv_heads);
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
