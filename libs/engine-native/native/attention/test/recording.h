// What blocks of queries got from their policies. Test support.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "../policy/policy_selector.h"
#include "case.h"

namespace longhaul::test {

/** Selects as policies do, and notes the keys of each list; who has no plan gets all pages. */
class Recording : public Selector {
 public:
  void select(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) const override {
    if (block.plan == nullptr) {
      for (int entry = block.visible.begin; entry < block.visible.end; ++entry) selection.pages.push_back(block.visible.at(entry));
    } else {
      policies_.select(problem, block, selection);
    }
    std::set<int> keys;
    for (size_t i = 0; i < selection.pages.size(); ++i) {
      for (int t = 0; t < kPageTokens; ++t) {
        if (selection.tokens.empty() || (selection.tokens[i] >> t & 1) != 0) keys.insert(selection.pages[i] * kPageTokens + t);
      }
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int i = 0; i < block.tokens; ++i) keys_[{block.sequence, block.kv_head, block.first_position + i}] = keys;
  }

  const std::set<int>& keys(int kv_head, int position, int sequence = 0) const { return keys_.at({sequence, kv_head, position}); }

 private:
  const attention::PolicySelector policies_;
  mutable std::mutex mutex_;
  mutable std::map<std::tuple<int, int, int>, std::set<int>> keys_;
};

}  // namespace longhaul::test
