// Tests of attention over lists of pages: what a selector is told, what it takes, and lists that are none; at every level
// this processor runs.
#include <map>
#include <mutex>

#include "../../fault.h"
#include "checks.h"
#include "reference.h"

namespace longhaul::test {
namespace {

/** Leaves pages out, the same for all blocks, and notes what it is told of. */
class SomePages : public Selector {
 public:
  /** Keeps a page where its number, its head's and its sequence's, mixed, leave no remainder; 1 keeps all. */
  explicit SomePages(uint32_t one_in) : one_in_(one_in) {}

  bool keeps(int sequence, int kv_head, int page) const {
    uint32_t mixed = static_cast<uint32_t>(sequence * 7919 + kv_head * 104729 + page) * 2654435761u;
    mixed ^= mixed >> 15;
    return one_in_ == 1 || mixed % one_in_ == 0;
  }

  void appended(const AttentionProblem&, const PageAppend& append) const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    int& slots = slots_[{append.sequence, append.logical}];
    in_order_ = in_order_ && append.slot == slots && slots + append.tokens <= kPageTokens;
    slots += append.tokens;
  }

  void select(const AttentionProblem&, const QueryBlock& block, Selection& selection) const override {
    for (int entry = block.visible.begin; entry < block.visible.end; ++entry) {
      if (keeps(block.sequence, block.kv_head, block.visible.at(entry))) selection.pages.push_back(block.visible.at(entry));
    }
  }

  /** Whether every token was told of, once and in order. */
  bool knows_all(const World& world) const {
    size_t pages = 0;
    for (size_t b = 0; b < world.sequences.size(); ++b) {
      const int length = world.sequences[b].past + world.sequences[b].fresh;
      for (int first = 0; first < length; first += kPageTokens, ++pages) {
        const auto found = slots_.find({static_cast<int>(b), first / kPageTokens});
        if (found == slots_.end() || found->second != std::min(kPageTokens, length - first)) return false;
      }
    }
    return in_order_ && pages == slots_.size();
  }

 private:
  const uint32_t one_in_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<int, int>, int> slots_;
  mutable bool in_order_ = true;
};

/** Attention over lists of pages with gaps is attention over just those keys, in decode and in prefill. */
void selected_pages_equal_the_reference(const Shape& shape, uint32_t seed) {
  const World world(shape, {{700, 1}, {3100, 3}, {100, 90}, {0, 40}}, seed);
  for (const uint32_t one_in : {2u, 9u, 1000u}) {
    const SomePages some(one_in);
    Reference reference(world);
    reference.looks_at = [&](int sequence, int kv_head, int page) { return some.keeps(sequence, kv_head, page); };
    Runner runner(world, seed);
    runner.selector = &some;
    const double error = relative_error(runner.run_all(256, 2), reference.fresh_outputs());
    expect_below(error, tolerance(shape), "selected pages equal the reference " + name_of(shape) + std::to_string(one_in));
    expect(some.knows_all(world), "a selector is told of every token once " + name_of(shape), 0, 0);
  }
}

/** A selector that takes everything costs no bit. */
void all_pages_equal_dense(const Shape& shape) {
  const World world(shape, {{2300, 2}, {40, 70}}, 91);
  Runner dense(world, 3), listed(world, 3);
  const SomePages all(1);
  listed.selector = &all;
  expect(dense.run_all(256, 2) == listed.run_all(256, 2), "all pages give the bits of dense " + name_of(shape), 0, 0);
}

/** Lists that are none are refused before anything is computed with them. */
void wrong_lists_are_refused() {
  struct Wrong : Selector {
    std::vector<int32_t> pages;
    explicit Wrong(std::vector<int32_t> list) : pages(std::move(list)) {}
    void select(const AttentionProblem&, const QueryBlock&, Selection& selection) const override { selection.pages = pages; }
  };
  const World world(Shape{}, {{40, 1}}, 95);
  for (const std::vector<int32_t>& list : {std::vector<int32_t>{1, 0}, {0, 0}, {-1}, {3}}) {
    Runner runner(world, 3);
    const Wrong wrong(list);
    runner.selector = &wrong;
    bool refused = false;
    try {
      runner.run({0}, {41}, 1);
    } catch (const Fault& fault) {
      refused = fault.field == "selector";
    }
    expect(refused, "a wrong list is refused", list.front(), 0);
  }
}

void test_rules() {
  for (const KvDtype dtype : kKvDtypes) {
    if (kernels_under_test(dtype) == nullptr) continue;
    for (const int window : {0, 50}) {
      if (level_under_test != "scalar" || window > 0) selected_pages_equal_the_reference(grouped_shape(dtype, window), 100);
    }
    all_pages_equal_dense(grouped_shape(dtype, 0));
  }
}

}  // namespace
}  // namespace longhaul::test

int main() {
  using namespace longhaul;
  for (const std::string& level : test::available_levels()) {
    test::level_under_test = level;
    test::test_rules();
  }
  test::wrong_lists_are_refused();
  return test::report();
}
