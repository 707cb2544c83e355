// Tests of choosing by scores, against the sorted order that defines it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "../select.h"
#include "../../test/checks.h"

namespace longhaul::test {
namespace {

using attention::select_top_cdf;
using attention::select_top_k;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int kNoLimit = 1 << 30;

/** Indices from the greatest score on: of equal ones the lower first, NaN last. */
std::vector<int32_t> falling(const std::vector<float>& scores) {
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    const float x = scores[static_cast<size_t>(a)], y = scores[static_cast<size_t>(b)];
    return std::isnan(y) ? !std::isnan(x) : x > y;
  });
  return order;
}

std::vector<int32_t> first_of(std::vector<int32_t> order, int count) {
  order.resize(static_cast<size_t>(std::clamp(count, 0, static_cast<int>(order.size()))));
  std::sort(order.begin(), order.end());
  return order;
}

std::vector<int32_t> top_k(const std::vector<float>& scores, int k) {
  std::vector<int32_t> chosen{99};
  select_top_k(scores.data(), static_cast<int>(scores.size()), k, chosen);
  return chosen;
}

std::vector<int32_t> top_cdf(const std::vector<float>& scores, float tau, float forced, int least = 0, int most = kNoLimit) {
  std::vector<int32_t> chosen{99};
  select_top_cdf(scores.data(), static_cast<int>(scores.size()), tau, forced, least, most, chosen);
  return chosen;
}

/** Scores of one kind: with many ties, of all sizes and signs, with what is no number. */
std::vector<float> random_scores(std::mt19937& random, size_t n, int kind) {
  std::vector<float> scores(n);
  std::normal_distribution<float> normal;
  for (float& x : scores) {
    switch (kind) {
      case 0: x = static_cast<float>(random() % 7); break;
      case 1: x = normal(random); break;
      case 2: x = std::ldexp(normal(random), static_cast<int>(random() % 250) - 125); break;
      case 3: x = 0.25f; break;
      default: {
        const float odd[] = {kNan, kInfinity, -kInfinity, 0.0f, -0.0f, 1e-40f, -1e-40f, -kNan};
        x = random() % 3 == 0 ? odd[random() % 8] : normal(random);
      }
    }
  }
  return scores;
}

void the_greatest_are_chosen() {
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    const size_t n = round % 50 == 0 ? 1000 + random() % 4000 : random() % 70;
    const std::vector<float> scores = random_scores(random, n, round % 5);
    const std::vector<int32_t> order = falling(scores);
    for (const int k : {0, 1, static_cast<int>(n) / 8, static_cast<int>(n) - 1, static_cast<int>(n), static_cast<int>(n) + 5, -3}) {
      expect(top_k(scores, k) == first_of(order, k), "the k greatest, ties to the lower index, are those of the sorted order", k, round % 5);
    }
  }
}

/** How many of the falling order reach the mass, by definition; masses here add up without rounding. */
int count_by_mass(const std::vector<float>& scores, const std::vector<int32_t>& order, float tau, float forced) {
  double total = forced, reached = forced;
  for (const float x : scores) total += x;
  int count = 0;
  while (count < static_cast<int>(order.size()) && reached < tau * total) reached += scores[static_cast<size_t>(order[static_cast<size_t>(count++)])];
  return count;
}

void mass_is_reached_by_the_shortest_prefix() {
  std::mt19937 random(6);
  for (int round = 0; round < 2000; ++round) {
    std::vector<float> scores(round % 50 == 0 ? 1000 + random() % 4000 : random() % 70);
    const uint32_t steps = round % 2 == 0 ? 9 : 60000;
    for (float& x : scores) x = static_cast<float>(random() % steps) / 1024.0f;
    const std::vector<int32_t> order = falling(scores);
    for (const float forced : {0.0f, 2.5f, 1000.0f}) {
      for (const float tau : {0.0f, 0.25f, 0.5f, 0.90625f, 0.998046875f}) {
        const int count = count_by_mass(scores, order, tau, forced);
        expect(top_cdf(scores, tau, forced) == first_of(order, count), "the shortest prefix reaches the mass", tau, forced);
        const int n = static_cast<int>(order.size());
        expect(top_cdf(scores, tau, forced, 3, 10) == first_of(order, std::min({std::max(count, 3), 10, n})), "bounds of a selection hold", tau, forced);
      }
      expect(top_cdf(scores, 1.0f, forced) == first_of(order, 1 << 20), "a tau of one takes all", 1, forced);
    }
  }
}

void what_has_no_mass_comes_last() {
  expect(top_cdf({kNan, 1.0f, -2.0f, 3.0f}, 0.99f, 0.0f) == std::vector<int32_t>{1, 3}, "NaN and less than 0 have no mass", 0, 0);
  expect(top_cdf({kNan, 1.0f, 0.0f, 3.0f}, 0.5f, 0.0f, 3) == std::vector<int32_t>{1, 2, 3}, "NaN ranks last", 0, 0);
  expect(top_cdf({}, 0.5f, 1.0f, 3).empty(), "nothing comes of nothing", 0, 0);
  expect(top_cdf({1.0f, 1.0f}, 0.5f, 2.0f).empty(), "forced mass counts first", 0, 0);
  expect(top_cdf({kInfinity, 1.0f}, 0.5f, 0.0f) == std::vector<int32_t>{0}, "an infinite mass is more than any share", 0, 0);
}

}  // namespace
}  // namespace longhaul::test

int main() {
  using namespace longhaul::test;
  the_greatest_are_chosen();
  mass_is_reached_by_the_shortest_prefix();
  what_has_no_mass_comes_last();
  return report();
}
