// Tests of attention over a real pool (../../kv_pool.h): wherever slices live, results have the same bits.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "../../kv_pool.h"
#include "case.h"

namespace longhaul::test {
namespace {

int failed = 0;

void expect(bool good, const std::string& rule) {
  if (good) return;
  ++failed;
  std::printf("FAILED %s [%s]\n", rule.c_str(), level_under_test.c_str());
}

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
  expect(moved.run_all(256, 2) == expected, "arenas per layer group change no bit");
  const int pages = pool.view().pages;
  for (int page = 0; page < pages; ++page) pool.move_page(1, page, 2 * pages - 1 - page);
  const std::vector<int> past{700, 100, 33}, length{701, 140, 38};
  expect(moved.run(past, length, 2) == expected, "moved pages change no bit");
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
    }
  }
  std::puts(test::failed == 0 ? "pool_test passed" : "pool_test failed");
  return test::failed == 0 ? 0 : 1;
}
