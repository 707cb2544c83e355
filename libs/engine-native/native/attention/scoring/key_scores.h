// score_keys and score_labels. Include it behind the level's `#pragma GCC target`; internal linkage.
#pragma once

#include <algorithm>

#include "head_reducer.h"
#include "token_products.h"

namespace longhaul::attention {
namespace {

template <class Products>
class KeyScorer {
 public:
  explicit KeyScorer(const KeyScoreJob& job)
      : job_(job), problem_(job.problem), block_(job.block), steps_(steps_of(job)), first_page_(job.candidates.begin / kPageTokens),
        units_(static_cast<size_t>((job.candidates.end + kPageTokens - 1) / kPageTokens - first_page_) * kPageTokens) {
    const size_t query_bytes = static_cast<size_t>(problem_.head_dim) * 4;
    Carver carver(thread_scratch((kRows + 1) * Carver::rounded(units_ * 4) + kRows * Carver::rounded(query_bytes) +
                                 Carver::rounded(kRows * Products::row_bytes(problem_.head_dim))));
    scores_ = carver.template take<float>(units_);
    logits_ = carver.template take<float>(kRows * units_);
    for (float*& query : queries_) query = carver.template take<float>(static_cast<size_t>(problem_.head_dim));
    packed_ = carver.template take<std::byte>(kRows * Products::row_bytes(problem_.head_dim));
  }

  void run(float* out) {
    HeadReducer<V> reducer(job_.reduce, units_, scores_);
    const int group = group_of(problem_);
    for (int first = 0; first < group; first += kRows) {
      const int count = group - first < kRows ? group - first : kRows;
      for (int r = 0; r < count; ++r) take_query(first + r, queries_[r]);
      Products::pack(problem_.pool, steps_, queries_, count, packed_);
      std::fill_n(logits_, static_cast<size_t>(count) * units_, kUnseen);
      with_rows<kRows>(count, [&](auto rows) { multiply<rows()>(); });
      for (int r = 0; r < count; ++r) {
        hide_unseen(logits_ + static_cast<size_t>(r) * units_);
        reducer.add(logits_ + static_cast<size_t>(r) * units_);
      }
    }
    finish(out);
  }

 private:
  using V = typename Products::V;
  static constexpr int kRows = Products::kRows;
  /** Pages that are multiplied at a time. */
  static constexpr int kRun = 16;

  static KeySteps steps_of(const KeyScoreJob& job) {
    const bool selects = Products::kSelectsSteps;
    return KeySteps::of(job.problem.head_dim, Products::kDims, selects ? job.channels : nullptr, selects ? job.channel_count : 0);
  }

  /** The mean of a head's queries, without the channels that do not count, in the pool's basis. */
  void take_query(int head, float* query) const {
    const size_t bytes = static_cast<size_t>(problem_.head_dim) * 4;
    std::memcpy(query, stored_query(problem_, block_, 0, head), bytes);
    for (int token = 1; token < block_.tokens; ++token) {
      const float* other = stored_query(problem_, block_, token, head);
      for (int d = 0; d < problem_.head_dim; ++d) query[d] += other[d];
    }
    if (block_.tokens > 1) {
      for (int d = 0; d < problem_.head_dim; ++d) query[d] /= static_cast<float>(block_.tokens);
    }
    if (job_.channels == nullptr) return;
    const bool rotated = traits_of(problem_.pool.dtype).rotated;
    if (rotated) rotate_head(query, problem_.head_dim);
    bool counts[kMaxHeadDim] = {};
    for (int i = 0; i < job_.channel_count; ++i) counts[job_.channels[i]] = true;
    for (int d = 0; d < problem_.head_dim; ++d) query[d] = counts[d] ? query[d] : 0.0f;
    if (rotated) rotate_head(query, problem_.head_dim);
  }

  /** Calls body(entry, logical) for the pages of the candidates that the head holds. */
  template <class Body>
  void for_each_page(const Body& body) const {
    const int end_page = first_page_ + static_cast<int>(units_) / kPageTokens;
    for (int entry = block_.visible.begin; entry < block_.visible.end; ++entry) {
      const int logical = block_.visible.at(entry);
      if (logical >= first_page_ && logical < end_page) body(entry, logical);
    }
  }

  /** Logits of these pages, in runs that lie behind one another. */
  template <int NR>
  void multiply() {
    const int32_t* pages = problem_.page_row(block_.sequence, block_.kv_head);
    const std::byte* slices[kRun];
    int count = 0, first = 0;
    const auto flush = [&] {
      if (count > 0) multiply_run<NR>(slices, count, logits_ + static_cast<size_t>(first - first_page_) * kPageTokens);
      count = 0;
    };
    for_each_page([&](int entry, int logical) {
      if (count == kRun || (count > 0 && logical != first + count)) flush();
      if (count == 0) first = logical;
      slices[count++] = visible_slice(problem_, block_, pages, entry);
    });
    flush();
  }

  template <int NR>
  void multiply_run(const std::byte* const* slices, int count, float* to) {
    Products::template multiply<NR>(problem_.pool, steps_, packed_, slices, count, to, units_);
    const float cap = softcap_log2_of(problem_);
    for (int r = 0; r < NR; ++r) {
      float* row = to + static_cast<size_t>(r) * units_;
      for (int i = 0; i < count * kPageTokens; i += V::kLanes) V::store(row + i, logit_of<V>(V::load(row + i), cap));
    }
  }

  /** Candidates that some query sees, where the head holds their page: they lie in a row. */
  TokenRange seen() const {
    const int oldest = problem_.window > 0 ? block_.first_position - problem_.window + 1 : 0;
    const int newest = last_position(block_);
    return {oldest > job_.candidates.begin ? oldest : job_.candidates.begin, newest < job_.candidates.end ? newest + 1 : job_.candidates.end};
  }

  void hide_unseen(float* logits) const {
    const TokenRange kept = seen();
    const int first = first_page_ * kPageTokens, end = first + static_cast<int>(units_);
    for (int token = first; token < end && token < kept.begin; ++token) logits[token - first] = kUnseen;
    for (int token = kept.end > first ? kept.end : first; token < end; ++token) logits[token - first] = kUnseen;
  }

  void finish(float* out) const {
    const TokenRange kept = seen();
    std::fill_n(out, job_.candidates.size(), -__builtin_inff());
    for_each_page([&](int, int logical) {
      for (int token = logical * kPageTokens; token < (logical + 1) * kPageTokens; ++token) {
        if (token >= kept.begin && token < kept.end) out[token - job_.candidates.begin] = scores_[token - first_page_ * kPageTokens];
      }
    });
  }

  const KeyScoreJob& job_;
  const AttentionProblem& problem_;
  const QueryBlock& block_;
  const KeySteps steps_;
  const int first_page_;
  const size_t units_;
  float* scores_;
  float* logits_;
  float* queries_[kRows];
  std::byte* packed_;
};

template <class Products>
void score_keys_of(const KeyScoreJob& job, float* out) {
  if (job.candidates.size() <= 0) return;
  KeyScorer<Products> scorer(job);
  scorer.run(out);
}

}  // namespace
}  // namespace longhaul::attention
