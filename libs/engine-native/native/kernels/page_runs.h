// Where the pages of a sequence lie when kernels are measured.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

namespace longhaul::kernels {

/** Pages that a chunk of a prompt of 512 tokens takes. */
constexpr size_t kRunPages = 32;

/** Fills a block table with the pages 0, 1, ...: runs of kRunPages in a row, as the engine takes them, runs shuffled. */
inline void shuffle_runs(std::vector<int32_t>& table, std::mt19937& random) {
  std::vector<size_t> runs((table.size() + kRunPages - 1) / kRunPages);
  std::iota(runs.begin(), runs.end(), size_t{0});
  std::shuffle(runs.begin(), runs.end(), random);
  size_t entry = 0;
  for (const size_t run : runs)
    for (size_t page = run * kRunPages; page < std::min(table.size(), (run + 1) * kRunPages); ++page)
      table[entry++] = static_cast<int32_t>(page);
}

}  // namespace longhaul::kernels
