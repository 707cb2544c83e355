#include "select.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace longhaul::attention {
namespace {

/** Whole numbers in the order of scores; NaN is 0, below everything. */
uint32_t key_of(float score) {
  if (std::isnan(score)) return 0;
  uint32_t bits;
  const float unsigned_zero = score + 0.0f;
  std::memcpy(&bits, &unsigned_zero, sizeof bits);
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
}

/** The score of a key where that is more than 0, else 0. */
double mass_of(uint32_t key) {
  const uint32_t bits = key & 0x7fffffffu;
  float score;
  std::memcpy(&score, &bits, sizeof score);
  return key > 0x80000000u ? score : 0.0;
}

double one_of(uint32_t) { return 1.0; }

/** Where a walk from the greatest key down ends: keys above `key` are taken, and the first `ties` of those that equal it. */
struct Cut {
  uint32_t key;
  int ties;
};

constexpr Cut kTakesNothing{0xffffffffu, 0};

/** Keys in one place, and those of them that are still in question. */
struct Keys {
  std::vector<uint32_t> all;
  std::vector<uint32_t> open;
};

struct Digit {
  int shift;
  uint32_t mask;
};
constexpr Digit kDigits[] = {{21, 2047}, {10, 2047}, {0, 1023}};

/**
 * Takes keys in falling order while `reached`, to which each adds its weight, is below `goal`. Digit by digit: the digit
 * at which the goal is crossed is found by the weights of all digits, and only its keys are looked at again.
 */
template <double (*Weight)(uint32_t)>
Cut walk(Keys& keys, double reached, double goal) {
  if (!(reached < goal)) return kTakesNothing;
  keys.open = keys.all;
  uint32_t prefix = 0;
  for (const Digit& digit : kDigits) {
    double weights[2048] = {};
    for (const uint32_t key : keys.open) weights[key >> digit.shift & digit.mask] += Weight(key);
    uint32_t crossed = digit.mask;
    for (; crossed > 0; --crossed) {
      if (weights[crossed] == 0.0) continue;
      if (!(reached + weights[crossed] < goal)) break;
      reached += weights[crossed];
    }
    prefix |= crossed << digit.shift;
    size_t kept = 0;
    for (const uint32_t key : keys.open) {
      keys.open[kept] = key;
      kept += (key >> digit.shift & digit.mask) == crossed ? 1 : 0;
    }
    keys.open.resize(kept);
    if (kept == 1) prefix = keys.open.front();
    if (kept <= 1) break;
  }
  int ties = 0;
  for (; ties < static_cast<int>(keys.open.size()) && reached < goal; ++ties) reached += Weight(prefix);
  return {prefix, ties};
}

void take_keys(const float* scores, int n, Keys& keys) {
  keys.all.resize(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) keys.all[static_cast<size_t>(i)] = key_of(scores[i]);
}

void take_all(int n, std::vector<int32_t>& chosen) {
  chosen.resize(static_cast<size_t>(std::max(n, 0)));
  std::iota(chosen.begin(), chosen.end(), 0);
}

int count_of(const Keys& keys, const Cut& cut) {
  const auto above = std::count_if(keys.all.begin(), keys.all.end(), [&](uint32_t key) { return key > cut.key; });
  return static_cast<int>(above) + cut.ties;
}

void take(const Keys& keys, Cut cut, int count, std::vector<int32_t>& chosen) {
  chosen.resize(static_cast<size_t>(count) + 1);
  size_t taken = 0;
  for (size_t i = 0; i < keys.all.size(); ++i) {
    const bool tie = keys.all[i] == cut.key && cut.ties > 0;
    cut.ties -= tie ? 1 : 0;
    chosen[taken] = static_cast<int32_t>(i);
    taken += tie || keys.all[i] > cut.key ? 1 : 0;
  }
  chosen.resize(taken);
}

void take_greatest(Keys& keys, int k, std::vector<int32_t>& chosen) { take(keys, walk<one_of>(keys, 0.0, k), k, chosen); }

Keys& thread_keys() {
  thread_local Keys keys;
  return keys;
}

}  // namespace

void select_top_k(const float* scores, int n, int k, std::vector<int32_t>& chosen) {
  if (k >= n) return take_all(n, chosen);
  chosen.clear();
  if (k <= 0) return;
  Keys& keys = thread_keys();
  take_keys(scores, n, keys);
  take_greatest(keys, k, chosen);
}

void select_top_cdf(const float* scores, int n, float tau, float forced_mass, int min_units, int max_units,
                    std::vector<int32_t>& chosen) {
  if (tau >= 1.0f) return select_top_k(scores, n, std::min(n, max_units), chosen);
  Keys& keys = thread_keys();
  take_keys(scores, n, keys);
  double total = forced_mass;
  for (const uint32_t key : keys.all) total += mass_of(key);
  const Cut cut = walk<mass_of>(keys, forced_mass, tau * total);
  const int count = count_of(keys, cut);
  const int bounded = std::min({std::max(count, min_units), max_units, n});
  if (bounded == count) return take(keys, cut, count, chosen);
  if (bounded == n) return take_all(n, chosen);
  chosen.clear();
  if (bounded > 0) take_greatest(keys, bounded, chosen);
}

}  // namespace longhaul::attention
