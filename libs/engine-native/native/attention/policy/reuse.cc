#include "reuse.h"

#include <cmath>

#include "../kernels.h"
#include "../stored_key.h"
#include "forced.h"

namespace longhaul::attention {
namespace {

/** [group][head_dim] the queries of a block of one. */
std::vector<float> query_of(const AttentionProblem& p, const QueryBlock& block) {
  const int group = p.heads / p.kv_heads;
  std::vector<float> query(static_cast<size_t>(group) * static_cast<size_t>(p.head_dim));
  for (int head = 0; head < group; ++head) {
    prepared_query(p, block.first_token, block.kv_head * group + head, query.data() + static_cast<size_t>(head) * static_cast<size_t>(p.head_dim));
  }
  return query;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double product = 0.0, of_a = 0.0, of_b = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * b[i];
    of_a += static_cast<double>(a[i]) * a[i];
    of_b += static_cast<double>(b[i]) * b[i];
  }
  return product / std::sqrt(of_a * of_b);
}

/** The first position that the plan chooses for. */
int first_chosen(const AttentionProblem& p, const QueryBlock& block) {
  return std::max(p.policies[static_cast<size_t>(block.owner)].decode_from, block.plan->dense_below);
}

}  // namespace

bool serves(const AttentionProblem& p, const QueryBlock& block, const KeptList& kept) {
  const int position = block.first_position;
  const int first = first_chosen(p, block);
  if (kept.selected_at < 0 || position == first) return false;
  if (block.plan->reuse_every > 1) {
    const int decoded = position - p.policies[static_cast<size_t>(block.owner)].decode_from;
    return kept.selected_at == std::max(first, position - decoded % block.plan->reuse_every) && kept.selected_at < position;
  }
  // A chain without gaps from the first decode position on: what is kept does not depend on where a step began. A step that
  // failed may have used the list for this very position.
  const bool again = kept.used_at == position && kept.selected_at < position;
  if (kept.used_at != position - 1 && !again) return false;
  const std::vector<float> query = query_of(p, block);
  return query.size() == kept.query.size() && cosine(query, kept.query) >= block.plan->reuse_cosine;
}

void use_again(const AttentionProblem& p, const QueryBlock& block, KeptList& kept, Selection& selection) {
  const int32_t* row = p.page_row(block.sequence, block.kv_head);
  const int newer = kept.selected_at / kPageTokens;
  for (size_t i = 0; i < kept.pages.size(); ++i) {
    const int32_t page = kept.pages[i];
    if (page >= newer || row[page] == kNoPage) continue;
    if (block.visible.size() > 0 && page < block.visible.at(block.visible.begin)) continue;
    selection.pages.push_back(page);
    if (!kept.tokens.empty()) selection.tokens.push_back(kept.tokens[i]);
  }
  append_pages(p, block, newer, block.first_position / kPageTokens, selection.pages);
  if (!kept.tokens.empty()) {
    // Of the page of its selection what was chosen, and what is new.
    const uint16_t open = kept.pages.empty() || kept.pages.back() != newer ? uint16_t{0} : kept.tokens.back();
    const int first_new = kept.selected_at + 1 - newer * kPageTokens;
    while (selection.tokens.size() < selection.pages.size()) {
      const bool of_selection = selection.pages[selection.tokens.size()] == newer;
      selection.tokens.push_back(of_selection ? static_cast<uint16_t>(open | keys_from(first_new)) : uint16_t{0xffff});
    }
  }
  kept.used_at = block.first_position;
}

void keep(const AttentionProblem& p, const QueryBlock& block, const Selection& selection, KeptList& kept) {
  kept.selected_at = kept.used_at = block.first_position;
  kept.pages = selection.pages;
  kept.tokens = selection.tokens;
  if (block.plan->reuse_cosine <= 1.0f) kept.query = query_of(p, block);
}

}  // namespace longhaul::attention
