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

/** Pages that some query at a position in [first, last] sees. */
PageList visible_pages(const AttentionProblem& p, int first, int last) {
  const int oldest = p.window > 0 ? std::max(0, first - p.window + 1) : 0;
  return {nullptr, oldest / kPageTokens, last / kPageTokens + 1};
}

int tile_tokens(const AttentionProblem& p) {
  const int group = p.heads / p.kv_heads;
  return std::max(1, kTileRows / (group * kTileTokenStep)) * kTileTokenStep;
}

void require_selection(const QueryBlock& block, const std::vector<int32_t>& pages) {
  int last = block.visible.begin - 1;
  for (const int32_t page : pages) {
    if (page <= last) throw invalid("selector", "pages must ascend from " + std::to_string(block.visible.begin) + " on");
    last = page;
  }
  if (last >= block.visible.end)
    throw invalid("selector", "page " + std::to_string(last) + " is not among the " + std::to_string(block.visible.end) +
                                  " that the block sees");
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
  for (int sequence = 0; sequence < problem.batch; ++sequence) {
    if (span_of(problem, sequence).tokens == 0 || is_skipped(problem, sequence)) continue;
    add_runs(problem, sequence);
    add_blocks(problem, sequence);
  }
}

void Plan::add_tiles(const AttentionProblem& problem, const Selections* selections) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    const QueryBlock& block = blocks[i];
    PageList pages = block.visible;
    if (selections != nullptr) {
      const std::vector<int32_t>& chosen = (*selections)[i];
      require_selection(block, chosen);
      pages = {chosen.data(), 0, static_cast<int>(chosen.size())};
    }
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
  const int32_t* pages = p.block_table + static_cast<size_t>(sequence) * p.block_table_width;
  for (int done = 0; done < span.tokens;) {
    const int position = span.first_position + done;
    const int slot = position % kPageTokens;
    const int count = std::min(span.tokens - done, kPageTokens - slot);
    const int logical = position / kPageTokens;
    runs.push_back({span.first_token + done, count, pages[logical], slot, sequence, logical});
    done += count;
  }
}

void Plan::add_blocks(const AttentionProblem& p, int sequence) {
  const Span span = span_of(p, sequence);
  const int step = span.tokens <= kDecodeTokens ? span.tokens : tile_tokens(p);
  for (int begin = 0; begin < span.tokens; begin += step) {
    const int count = std::min(step, span.tokens - begin);
    const int first = span.first_position + begin;
    const PageList pages = visible_pages(p, first, first + count - 1);
    for (int head = 0; head < p.kv_heads; ++head) {
      blocks.push_back({sequence, head, span.first_token + begin, first, count, pages});
    }
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
