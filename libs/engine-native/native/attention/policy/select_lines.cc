#include <limits>

#include "../scoring/scoring.h"
#include "../scoring/select.h"
#include "forced.h"
#include "select_units.h"

namespace longhaul::attention {
namespace {

/** The pages that a block sees: whether each is taken, and what its columns have together. */
class LinePages {
 public:
  LinePages(const QueryBlock& block, TokenRange tokens)
      : block_(block), first_(tokens.begin / kPageTokens), taken_(static_cast<size_t>(tokens.size() / kPageTokens)), mass_(taken_.size()) {}

  int first() const { return first_; }
  int size() const { return static_cast<int>(taken_.size()); }
  bool takes(int page) const { return taken_[static_cast<size_t>(page - first_)] != 0; }

  void add_column(int position) { take(position / kPageTokens); }

  /** The keys that lie `distance` behind the block's queries. */
  void add_diagonal(int distance) {
    const int newest = block_.first_position + block_.tokens - 1 - distance;
    if (newest < 0) return;
    const int oldest = std::max(0, block_.first_position - distance);
    for (int page = oldest / kPageTokens; page <= newest / kPageTokens; ++page) take(page);
  }

  void add_mass(const float* columns) {
    for (size_t i = 0; i < mass_.size() * kPageTokens; ++i) mass_[i / kPageTokens] += columns[i];
  }

  /** Adds or drops the candidates [begin, end) with the most (least) mass until there are min_units to max_units of them. */
  void bound(int begin, int end, int min_units, int max_units) {
    const auto from = taken_.begin() + (begin - first_);
    const int count = static_cast<int>(std::count(from, from + (end - begin), 1));
    if (count < min_units) rank(begin, end, 0, min_units - count, 1);
    if (count > max_units) rank(begin, end, 1, max_units, 0);
  }

 private:
  void take(int page) {
    if (page >= first_ && page < first_ + size()) taken_[static_cast<size_t>(page - first_)] = 1;
  }

  /** Of the candidates in [begin, end) that are `state`, the best `keep` become taken; of the others nothing is, unless it is to `grow`. */
  void rank(int begin, int end, char state, int keep, char grow) {
    std::vector<float> scores;
    for (int page = begin; page < end; ++page) {
      const size_t at = static_cast<size_t>(page - first_);
      scores.push_back(taken_[at] == state ? mass_[at] : -std::numeric_limits<float>::infinity());
    }
    std::vector<int32_t> best;
    select_top_k(scores.data(), static_cast<int>(scores.size()), keep, best);
    if (grow == 0) std::fill(taken_.begin() + (begin - first_), taken_.begin() + (end - first_), 0);
    for (const int32_t candidate : best) taken_[static_cast<size_t>(begin - first_ + candidate)] = 1;
  }

  const QueryBlock& block_;
  const int first_;
  std::vector<char> taken_;
  std::vector<float> mass_;
};

void choose_lines(const HeadPlan& plan, const std::vector<float>& sums, int count, std::vector<int32_t>& chosen) {
  const int n = static_cast<int>(sums.size());
  if (plan.rule == Rule::kTopK) select_top_k(sums.data(), n, count, chosen);
  else select_top_cdf(sums.data(), n, plan.mass, 0.0f, 0, kUnbounded, chosen);
}

bool takes_all(const HeadPlan& plan, int tokens, const Middle& middle) {
  if (middle.candidates() == 0) return true;
  if (plan.max_units < middle.candidates()) return false;
  if (plan.rule == Rule::kTopCdf) return plan.mass >= 1.0f || plan.min_units >= middle.candidates();
  return plan.verticals >= tokens || plan.slashes >= tokens;
}

}  // namespace

void select_lines(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) {
  const HeadPlan& plan = *block.plan;
  const TokenRange tokens = visible_tokens(block);
  const Middle middle = middle_of(block, kPageTokens, tokens.begin / kPageTokens, tokens.end / kPageTokens);
  if (takes_all(plan, tokens.size(), middle)) return append_pages(problem, block, middle.begin, middle.end - 1, selection.pages);
  std::vector<float> columns(static_cast<size_t>(tokens.size())), diagonals(columns.size());
  score_vertical_slash({problem, block}, columns.data(), diagonals.data());
  LinePages pages(block, tokens);
  pages.add_mass(columns.data());
  std::vector<int32_t> chosen;
  choose_lines(plan, columns, plan.verticals, chosen);
  for (const int32_t column : chosen) pages.add_column(tokens.begin + column);
  choose_lines(plan, diagonals, plan.slashes, chosen);
  for (const int32_t distance : chosen) pages.add_diagonal(distance);
  pages.bound(middle.middle_begin, std::max(middle.middle_begin, middle.middle_end), plan.min_units, plan.max_units);
  for (int page = middle.begin; page < middle.end; ++page) {
    const bool forced = page < middle.middle_begin || page >= middle.middle_end;
    if (forced || pages.takes(page)) append_pages(problem, block, page, page, selection.pages);
  }
}

}  // namespace longhaul::attention
