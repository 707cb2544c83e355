#include "select.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace longhaul::attention {
namespace {

/** Whole numbers in the order of scores; NaN is 0, below everything. Without branches, for many at a time. */
uint32_t key_of(float score) {
  int32_t bits;
  std::memcpy(&bits, &score, sizeof bits);
  const uint32_t magnitude = static_cast<uint32_t>(bits) & 0x7fffffffu;
  const uint32_t signs = static_cast<uint32_t>(bits >> 31);
  // Both zeros are one score.
  const uint32_t key = magnitude == 0 ? 0x80000000u : static_cast<uint32_t>(bits) ^ (signs | 0x80000000u);
  return magnitude > 0x7f800000u ? 0 : key;
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
    uint32_t* open = keys.open.data();
    size_t kept = 0;
    for (size_t i = 0; i < keys.open.size(); ++i) {
      const uint32_t key = open[i];
      open[kept] = key;
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
  uint32_t* all = keys.all.data();
  for (int i = 0; i < n; ++i) all[i] = key_of(scores[i]);
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
  const uint32_t* all = keys.all.data();
  const int n = static_cast<int>(keys.all.size());
  int32_t* to = chosen.data();
  int ties = cut.ties;
  for (int i = 0; i < n; ++i) {
    const int tie = all[i] == cut.key && ties > 0 ? 1 : 0;
    ties -= tie;
    *to = i;
    to += tie | (all[i] > cut.key ? 1 : 0);
  }
  chosen.resize(static_cast<size_t>(to - chosen.data()));
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
