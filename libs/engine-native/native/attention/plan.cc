#include "plan.h"

#include <algorithm>

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

}  // namespace

void Plan::build(const AttentionProblem& problem) {
  runs.clear();
  units.clear();
  merges.clear();
  partials.clear();
  partial_floats = 0;
  scalar_floats = 0;
  cost = 0.0;
  for (int sequence = 0; sequence < problem.batch; ++sequence) {
    const int tokens = span_of(problem, sequence).tokens;
    if (tokens == 0 || is_skipped(problem, sequence)) continue;
    add_runs(problem, sequence);
    if (tokens <= kDecodeTokens) {
      add_decode(problem, sequence);
    } else {
      add_prefill(problem, sequence);
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
    runs.push_back({span.first_token + done, count, pages[position / kPageTokens], slot});
    done += count;
  }
}

void Plan::add_prefill(const AttentionProblem& p, int sequence) {
  const Span span = span_of(p, sequence);
  const int step = tile_tokens(p);
  for (int begin = 0; begin < span.tokens; begin += step) {
    const int count = std::min(step, span.tokens - begin);
    const int first = span.first_position + begin;
    const PageList pages = visible_pages(p, first, first + count - 1);
    for (int head = 0; head < p.kv_heads; ++head) {
      add_unit(p, {sequence, head, span.first_token + begin, count, pages, -1, -1, 0.0});
    }
  }
}

void Plan::add_decode(const AttentionProblem& p, int sequence) {
  const Span span = span_of(p, sequence);
  const PageList all = visible_pages(p, span.first_position, span.first_position + span.tokens - 1);
  const int first_split = all.begin / kSplitPages;
  const int splits = (all.end - 1) / kSplitPages + 1 - first_split;
  const size_t rows = static_cast<size_t>(span.tokens) * (p.heads / p.kv_heads);
  for (int head = 0; head < p.kv_heads; ++head) {
    if (splits == 1) {
      add_unit(p, {sequence, head, span.first_token, span.tokens, all, -1, -1, 0.0});
      continue;
    }
    const int merge = static_cast<int>(merges.size());
    merges.push_back({static_cast<int>(partials.size()), splits});
    for (int split = 0; split < splits; ++split) {
      PageList pages = all;
      pages.begin = std::max(all.begin, (first_split + split) * kSplitPages);
      pages.end = std::min(all.end, (first_split + split + 1) * kSplitPages);
      const int partial = static_cast<int>(partials.size());
      const size_t padded_rows = (rows + 15) / 16 * 16;
      partials.push_back({partial_floats, scalar_floats, scalar_floats + padded_rows});
      partial_floats += rows * static_cast<size_t>(p.head_dim);
      scalar_floats += 2 * padded_rows;
      add_unit(p, {sequence, head, span.first_token, span.tokens, pages, merge, partial, 0.0});
    }
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
