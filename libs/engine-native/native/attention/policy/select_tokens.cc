#include "../kernels.h"
#include "../scoring/scoring.h"
#include "choose.h"
#include "select_units.h"

namespace longhaul::attention {
namespace {

/** Builds a list of tokens from ranges and single ones that ascend. */
class TokenList {
 public:
  TokenList(const AttentionProblem& problem, const QueryBlock& block, Selection& selection)
      : row_(problem.page_row(block.sequence, block.kv_head)), selection_(selection) {}

  void add(int begin, int end) {
    for (int at = begin; at < end; at = (at / kPageTokens + 1) * kPageTokens) {
      const int page = at / kPageTokens, key = page * kPageTokens;
      add_to_page(page, static_cast<uint16_t>(keys_from(at - key) & keys_up_to(end - 1 - key)));
    }
  }

 private:
  void add_to_page(int page, uint16_t tokens) {
    if (row_[page] == kNoPage) return;
    if (selection_.pages.empty() || selection_.pages.back() != page) {
      selection_.pages.push_back(page);
      selection_.tokens.push_back(0);
    }
    selection_.tokens.back() |= tokens;
  }

  const int32_t* row_;
  Selection& selection_;
};

/** Scores of the candidates. Forced tokens have no mass: they are no candidates of a vote. */
float score(const ScoreJob& job, const Middle& middle, std::vector<float>& scores) {
  const HeadPlan& plan = *job.block.plan;
  const TokenRange candidates{middle.middle_begin, middle.middle_end};
  scores.resize(static_cast<size_t>(candidates.size()));
  if (plan.scorer == Scorer::kKeys) {
    score_keys(job, candidates, plan.head_reduce, scores.data());
    return 0.0f;
  }
  const AttentionPolicy& policy = job.problem.policies[static_cast<size_t>(job.block.owner)].state->policy();
  const Labels& labels = policy.labels();
  const int head = job.problem.layer * policy.kv_heads() + job.block.kv_head;
  score_labels(job, labels.channels.data() + static_cast<size_t>(head) * static_cast<size_t>(labels.r), labels.r, candidates,
               plan.head_reduce, scores.data());
  return 0.0f;
}

}  // namespace

void select_tokens(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) {
  const int newest = block.first_position + block.tokens - 1;
  const Middle middle = middle_of(block, 1, visible_tokens(block).begin, newest + 1);
  thread_local std::vector<int32_t> chosen;
  if (!choose({problem, block}, middle, score, chosen))
    return append_pages(problem, block, middle.begin / kPageTokens, newest / kPageTokens, selection.pages);
  TokenList list(problem, block, selection);
  list.add(middle.begin, middle.middle_begin);
  for (const int32_t token : chosen) list.add(middle.middle_begin + token, middle.middle_begin + token + 1);
  list.add(middle.middle_end, middle.end);
}

}  // namespace longhaul::attention
