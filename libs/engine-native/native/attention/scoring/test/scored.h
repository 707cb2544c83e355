// Runs scorers where a selector would, over a random world. Test support.
#pragma once

#include <functional>
#include <mutex>

#include "../../../kv_pool.h"
#include "../../test/checks.h"
#include "../../kernels.h"
#include "../score_table.h"

namespace longhaul::test {

using attention::HeadReduce;
using attention::ScoreJob;
using attention::TokenRange;

/** Calls a body for every block of queries, one at a time; keeps all pages. */
class Scored : public Selector {
 public:
  explicit Scored(std::function<void(const ScoreJob&)> body) : body_(std::move(body)) {}

  void select(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) const override {
    for (int entry = block.visible.begin; entry < block.visible.end; ++entry) selection.pages.push_back(block.visible.at(entry));
    const std::lock_guard<std::mutex> lock(mutex_);
    body_({problem, block});
  }

 private:
  std::function<void(const ScoreJob&)> body_;
  mutable std::mutex mutex_;
};

/** A pool for a world with bounds beside its keys. */
inline KvPool bounded_pool(const World& world) {
  const Shape& s = world.shape;
  return KvPool({Runner::kLayers, s.kv_heads, s.head_dim, Runner::pages_for(world), s.dtype, {},
                 KvChannels().with(KvChannel::kKeyBounds)});
}

/** Every block of the fresh tokens of a world, at the level under test. */
inline void for_each_block(const World& world, uint32_t seed, std::function<void(const ScoreJob&)> body) {
  KvPool pool = bounded_pool(world);
  Runner runner(world, seed, pool.view());
  const Scored scored(std::move(body));
  std::vector<int> past, length;
  for (const Sequence& q : world.sequences) past.push_back(q.past), length.push_back(q.past + q.fresh);
  runner.run(std::vector<int>(past.size(), 0), past, 1, 1);
  runner.selector = &scored;
  runner.run(past, length, 2);
}

inline PageList all_pages(const ScoreJob& job) { return job.block.visible; }

inline double sum_of(const std::vector<float>& values) {
  double sum = 0.0;
  for (const float x : values) sum += x;
  return sum;
}

}  // namespace longhaul::test
