#include "select.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace longhaul::attention {
namespace {

/** Of equal scores the lower index comes first; NaN last. */
struct FallingOrder {
  const float* scores;

  bool operator()(int32_t a, int32_t b) const {
    const float x = scores[a], y = scores[b];
    if (std::isnan(x) || std::isnan(y)) return std::isnan(y) && (!std::isnan(x) || a < b);
    return x > y || (x == y && a < b);
  }
};

void begin_with_all(int n, std::vector<int32_t>& chosen) {
  chosen.resize(static_cast<size_t>(std::max(n, 0)));
  std::iota(chosen.begin(), chosen.end(), 0);
}

double mass_of(float score) { return score > 0.0f ? score : 0.0; }

}  // namespace

void select_top_k(const float* scores, int n, int k, std::vector<int32_t>& chosen) {
  begin_with_all(n, chosen);
  if (k >= n) return;
  const auto cut = chosen.begin() + std::max(k, 0);
  std::nth_element(chosen.begin(), cut, chosen.end(), FallingOrder{scores});
  chosen.erase(cut, chosen.end());
  std::sort(chosen.begin(), chosen.end());
}

void select_top_cdf(const float* scores, int n, float tau, float forced_mass, int min_units, int max_units,
                    std::vector<int32_t>& chosen) {
  int count = n;
  if (tau < 1.0f) {
    begin_with_all(n, chosen);
    std::sort(chosen.begin(), chosen.end(), FallingOrder{scores});
    double total = forced_mass;
    for (int i = 0; i < n; ++i) total += mass_of(scores[i]);
    double reached = forced_mass;
    for (count = 0; count < n && reached < tau * total; ++count) reached += mass_of(scores[chosen[static_cast<size_t>(count)]]);
  }
  select_top_k(scores, n, std::min(std::max(count, min_units), max_units), chosen);
}

}  // namespace longhaul::attention
