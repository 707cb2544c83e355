// Tile products against plain loops, on threads that were there before the process asked for tiles.
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <random>
#include <thread>
#include <vector>

#include "../features.h"
#include "../tiles.h"

using namespace longhaul::cpu;

namespace {

int passed = 0;

void require(bool condition, const char* what) {
  if (condition) {
    passed++;
    return;
  }
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

struct Operands {
  alignas(64) uint8_t a[16][64], b[16][64];
  alignas(64) int32_t sums[16][16] = {};

  explicit Operands(unsigned seed) {
    std::mt19937 random(seed);
    for (auto* tile : {a, b})
      for (int i = 0; i < 16 * 64; ++i) tile[i / 64][i % 64] = static_cast<uint8_t>(random());
  }
};

// `rows` tokens times 16 outputs over 4 `quads` inputs.
template <class A, class B> bool equals_plain(const Operands& o, int rows, int quads) {
  for (int m = 0; m < rows; ++m)
    for (int n = 0; n < 16; ++n) {
      int32_t sum = 0;
      for (int k = 0; k < 4 * quads; ++k) sum += static_cast<A>(o.a[m][k]) * static_cast<B>(o.b[k / 4][4 * n + k % 4]);
      if (o.sums[m][n] != sum) return false;
    }
  for (int m = rows; m < 16; ++m)
    for (int n = 0; n < 16; ++n)
      if (o.sums[m][n] != 0) return false;
  return true;
}

template <class A, class B, class Dot> bool product_is_exact(unsigned seed, int rows, int quads, Dot dot) {
  Operands o(seed);
  const auto count = [](int n) { return static_cast<uint8_t>(n); };
  const TileShape sums{count(rows), 64}, a{count(rows), count(4 * quads)}, b{count(quads), 64};
  const TileConfig config({sums, {}, a, b, {}, {}, {}, {}});
  const TileWork work(config);
  clear_tile<0>();
  load_tile<2>(o.a, 64);
  load_tile<3>(o.b, 64);
  dot();
  store_tile<0>(o.sums, 64);
  return equals_plain<A, B>(o, rows, quads);
}

bool products_are_exact() {
  bool exact = true;
  unsigned seed = 1;
  for (int rows : {1, 7, 16})
    for (int quads : {1, 8, 16}) {
      exact &= product_is_exact<int8_t, int8_t>(seed++, rows, quads, dot_signed<0, 2, 3>);
      exact &= product_is_exact<uint8_t, int8_t>(seed++, rows, quads, dot_unsigned_signed<0, 2, 3>);
      exact &= product_is_exact<int8_t, uint8_t>(seed++, rows, quads, dot_signed_unsigned<0, 2, 3>);
    }
  return exact;
}

}  // namespace

int main() {
  std::latch asked(1);
  bool early = true;
  std::thread before([&] {
    asked.wait();
    if (host_features().has(Feature::kAmxInt8)) early = products_are_exact();
  });
  const Host& found = host();
  asked.count_down();
  before.join();
  require(!(found.features.has(Feature::kAmxTile) && !found.tile_problem.empty()), "tiles that can be used have no problem");
  require(early, "a thread that is older than the permission computes on tiles");
  if (!found.features.has(Feature::kAmxInt8)) {
    std::printf("skipped tiles: %s\n", found.tile_problem.empty() ? "not on this processor" : found.tile_problem.c_str());
    std::printf("%d passed\n", passed);
    return 0;
  }
  require(products_are_exact(), "a product of tiles of any shape is exact for bytes of both kinds");
  bool after = false;
  std::thread([&] { after = products_are_exact(); }).join();
  require(after, "a thread that is younger than the permission computes on tiles");
  std::printf("%d passed\n", passed);
}
