// Tests of where attention finds what it reads: wherever a pool (../../kv_pool.h) has its slices, results have the same
// bits; heads of a sequence may hold different pages; and what was read is what is reported.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "../../fault.h"
#include "../../kv_pool.h"
#include "checks.h"
#include "reference.h"

namespace longhaul::test {
namespace {

/** A pool of a world whose layers have arenas of their own, with room to move every page. */
KvPoolShape apart(const World& world) {
  const Shape& s = world.shape;
  const int pages = Runner::pages_for(world);
  return {Runner::kLayers, s.kv_heads, s.head_dim, pages, s.dtype, {{1}, {1, pages}}};
}

/** Pages of a layer group that lie elsewhere, in an order of their own, between one step and the next. */
void where_slices_live_changes_nothing(KvDtype dtype) {
  Shape shape;
  shape.dtype = dtype;
  shape.rope_dim = 64;
  const World world(shape, {{700, 1}, {100, 40}, {33, 5}}, 7);
  Runner flat(world, 3);
  KvPool pool(apart(world));
  Runner moved(world, 3, pool.view());
  const std::vector<float> expected = flat.run_all(256, 2);
  expect(moved.run_all(256, 2) == expected, "arenas per layer group change no bit " + name_of(shape), 0, 0);
  const int pages = pool.view().pages;
  for (int page = 0; page < pages; ++page) pool.move_page(1, page, 2 * pages - 1 - page);
  const std::vector<int> past{700, 100, 33}, length{701, 140, 38};
  expect(moved.run(past, length, 2) == expected, "moved pages change no bit " + name_of(shape), 0, 0);
}

/** Tables per head in which every head of a sequence has the sequence's pages in an order of its own. */
HeadTables shuffled_tables(const World& world, const Runner& runner, int sequence, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> row;
  for (int i = 0; i < runner.width(); ++i) row.push_back(runner.page_of(sequence, i));
  HeadTables tables{sequence, {}};
  for (int layer = 0; layer < Runner::kLayers; ++layer) {
    for (int head = 0; head < world.shape.kv_heads; ++head) {
      std::shuffle(row.begin(), row.end(), random);
      tables.pages.insert(tables.pages.end(), row.begin(), row.end());
    }
  }
  return tables;
}

/** The tables' entry of layer 1. */
int32_t& entry_of(HeadTables& tables, const World& world, const Runner& runner, int head, int logical) {
  return tables.pages[static_cast<size_t>((world.shape.kv_heads + head) * runner.width() + logical)];
}

/** Lets every head go of pages before those of the fresh tokens, each of others; false where `kept` says so. */
template <class Kept>
void let_go(HeadTables& tables, const World& world, const Runner& runner, const Kept& kept) {
  const int past = world.sequences[static_cast<size_t>(tables.sequence)].past;
  for (int head = 0; head < world.shape.kv_heads; ++head) {
    for (int logical = 0; logical < past / kPageTokens; ++logical) {
      if (!kept(tables.sequence, head, logical)) entry_of(tables, world, runner, head, logical) = kNoPage;
    }
  }
}

bool keeps_some(int sequence, int head, int logical) { return sequence == 2 || (logical * 7 + head * 3) % 4 != 0; }

/** Takes every other page of those that a block sees. */
class EveryOther : public Selector {
 public:
  void select(const AttentionProblem&, const QueryBlock& block, Selection& selection) const override {
    for (int entry = block.visible.begin; entry < block.visible.end; ++entry) {
      if (takes(block.visible.at(entry))) selection.pages.push_back(block.visible.at(entry));
    }
  }
  static bool takes(int logical) { return logical % 2 == 0; }
};

/** Two sequences whose heads hold different pages beside one whose heads share a table; decode across splits, and prefill. */
void heads_hold_pages_of_their_own(Shape shape) {
  const World world(shape, {{2300, 2}, {200, 60}, {50, 3}}, 11);
  Runner shared(world, 5), apart(world, 5);
  const std::vector<float> expected = shared.run_all(256, 2);
  apart.head_tables = {shuffled_tables(world, apart, 0, 1), shuffled_tables(world, apart, 1, 2)};
  expect(apart.run_all(256, 2) == expected, "heads with tables of their own get the same bits " + name_of(shape), 0, 0);

  for (HeadTables& tables : apart.head_tables) let_go(tables, world, apart, keeps_some);
  const std::vector<int> past{2300, 200, 50}, length{2302, 260, 53};
  Reference reference(world);
  reference.looks_at = [&](int sequence, int head, int logical) {
    const bool fresh = logical >= world.sequences[static_cast<size_t>(sequence)].past / kPageTokens;
    return fresh || keeps_some(sequence, head, logical);
  };
  const double error = relative_error(apart.run(past, length, 2), reference.fresh_outputs());
  expect_below(error, tolerance(shape), "a head attends to the pages that it holds " + name_of(shape));

  const EveryOther every_other;
  apart.selector = &every_other;
  reference.reads = [](int, int, int, int logical) { return EveryOther::takes(logical); };
  const double selected = relative_error(apart.run(past, length, 2), reference.fresh_outputs());
  expect_below(selected, tolerance(shape), "a selector chooses among the pages that a head holds " + name_of(shape));
}

/** What a head holds is a matter of its tables: a selection of other pages, and tables that are none, are refused. */
void wrong_head_tables_are_refused() {
  struct FirstPages : Selector {
    void select(const AttentionProblem&, const QueryBlock&, Selection& selection) const override { selection.pages = {0, 1}; }
  };
  const World world(Shape{}, {{40, 1}}, 3);
  Runner runner(world, 3);
  runner.head_tables = {shuffled_tables(world, runner, 0, 1)};
  runner.run_all(64, 1);
  entry_of(runner.head_tables[0], world, runner, 1, 1) = kNoPage;
  const FirstPages first;
  runner.selector = &first;
  std::string field;
  try {
    runner.run({40}, {41}, 1);
  } catch (const Fault& fault) {
    field = fault.field;
  }
  expect(field == "selector", "a selection of a page that the head has let go of is refused", 0, 0);

  const auto refused = [&](const char* rule, auto change) {
    Runner other(world, 3);
    other.head_tables = {shuffled_tables(world, other, 0, 1)};
    change(other.head_tables);
    bool thrown = false;
    try {
      other.run({0}, {40}, 1);
    } catch (const std::runtime_error& error) {
      thrown = std::strstr(error.what(), "head_tables") != nullptr;
    }
    expect(thrown, rule, 0, 0);
  };
  refused("tables of no sequence are refused", [](auto& tables) { tables[0].sequence = 1; });
  refused("tables twice are refused", [](auto& tables) { tables.push_back(tables[0]); });
  refused("tables with rows missing are refused", [](auto& tables) { tables[0].pages.pop_back(); });
  refused("a page outside the pool is refused", [](auto& tables) { tables[0].pages.assign(tables[0].pages.size(), 1000); });
  refused("a missing page of new tokens is refused", [](auto& tables) { tables[0].pages.assign(tables[0].pages.size(), kNoPage); });
}

/** Each slice that some query looked at counts once, whether a list, a window or a head left others out. */
void bytes_are_those_of_the_slices_read() {
  Shape shape;
  const World world(shape, {{0, 200}, {100, 1}}, 9);
  Runner runner(world, 9);
  runner.run({0, 0}, {0, 100}, 1);
  const auto slices = [&](int window = 0) {
    runner.run({0, 100}, {200, 101}, 2, window);
    return runner.report.kv_read_bytes / slice_bytes(shape.dtype, shape.head_dim);
  };
  const auto counts = [&](uint64_t actual, uint64_t expected, const char* rule) {
    expect(actual == expected, rule, static_cast<double>(actual), static_cast<double>(expected));
  };
  counts(slices(), 2 * (13 + 7), "dense attention reads every page once per KV head");
  counts(slices(20), 2 * (13 + 2), "a window reads the pages it reaches into");
  const EveryOther every_other;
  runner.selector = &every_other;
  counts(slices(), 2 * (7 + 4), "a selector's pages are those that are read");
  runner.selector = nullptr;
  runner.skipped = {1, 0};
  counts(slices(), 2 * 7, "a sequence that is left out is not read");
  runner.head_tables = {shuffled_tables(world, runner, 1, 1)};
  entry_of(runner.head_tables[0], world, runner, 1, 2) = kNoPage;
  counts(slices(), 2 * 7 - 1, "a page that a head has let go of is not read");
}

}  // namespace
}  // namespace longhaul::test

int main() {
  using namespace longhaul;
  for (const KvDtype dtype : kKvDtypes) {
    for (const AttentionCandidate& candidate : attention_candidates(dtype)) {
      if (!candidate.supported()) continue;
      test::level_under_test = candidate.level;
      test::where_slices_live_changes_nothing(dtype);
      test::Shape shape;
      shape.dtype = dtype;
      for (const int window : {0, 70}) {
        shape.window = window;
        test::heads_hold_pages_of_their_own(shape);
      }
    }
  }
  test::level_under_test = "scalar";
  test::wrong_head_tables_are_refused();
  test::bytes_are_those_of_the_slices_read();
  std::printf("%d passed, %d failed\n", test::passed, test::failed);
  return test::failed == 0 ? 0 : 1;
}
