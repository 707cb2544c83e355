#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "../sampler.h"

// The definition of sampling in the plainest form: sort everything, one step after the other.
namespace longhaul::sampling::reference {

// Rounds to f32; what is finite stays finite.
inline float rounded(double value) {
  const double most = static_cast<double>(std::numeric_limits<float>::max());
  return static_cast<float>(std::isinf(value) ? value : std::clamp(value, -most, most));
}

inline std::vector<float> process(const std::vector<float>& logits, const SampleSpec& spec) {
  std::vector<float> z = logits;
  for (size_t i = 0; i < spec.bias_tokens.size(); ++i) {
    float& value = z[static_cast<size_t>(spec.bias_tokens[i])];
    value = rounded(static_cast<double>(value) + static_cast<double>(spec.bias_values[i]));
  }
  for (size_t i = 0; i < spec.seen_tokens.size(); ++i) {
    float& value = z[static_cast<size_t>(spec.seen_tokens[i])];
    const double r = spec.repetition_penalty;
    value = rounded(value > 0 ? value / r : value * r);
    if (spec.seen_counts[i] <= 0) continue;
    volatile double frequency = spec.frequency_penalty * spec.seen_counts[i];
    value = rounded(value - frequency);
    value = rounded(value - spec.presence_penalty);
  }
  for (int32_t id : spec.banned_tokens) z[static_cast<size_t>(id)] = -std::numeric_limits<float>::infinity();
  return z;
}

// Tokens that survive the truncations, in falling order.
inline std::vector<int32_t> survivors(const std::vector<float>& z, const SampleSpec& spec) {
  std::vector<int32_t> order(z.size());
  std::iota(order.begin(), order.end(), 0);
  const auto at = [&](int32_t id) { return static_cast<double>(z[static_cast<size_t>(id)]); };
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return at(a) > at(b); });
  std::erase_if(order, [&](int32_t id) { return std::isinf(at(id)); });
  const double top = at(order.front());
  const auto gap = [&](int32_t id) { return (at(id) - top) / spec.temperature; };
  if (spec.min_p > 0) std::erase_if(order, [&](int32_t id) { return gap(id) < std::log(spec.min_p); });
  if (spec.top_k > 0 && order.size() > static_cast<size_t>(spec.top_k)) order.resize(static_cast<size_t>(spec.top_k));
  if (spec.top_p < 1) {
    double total = 0;
    for (int32_t id : order) total += std::exp(gap(id));
    double mass = 0;
    size_t length = 0;
    while (length < order.size() && (length == 0 || mass < spec.top_p * total)) mass += std::exp(gap(order[length++]));
    order.resize(length);
  }
  return order;
}

inline int32_t sample(const std::vector<float>& logits, const SampleSpec& spec) {
  const std::vector<float> z = process(logits, spec);
  if (spec.temperature == 0) {
    return static_cast<int32_t>(std::max_element(z.begin(), z.end()) - z.begin());
  }
  const std::vector<int32_t> kept = survivors(z, spec);
  const double top = static_cast<double>(z[static_cast<size_t>(kept.front())]);
  int32_t best = -1;
  double best_score = 0;
  for (int32_t id : kept) {
    const double score = (static_cast<double>(z[static_cast<size_t>(id)]) - top) / spec.temperature +
                         gumbel_noise(spec.seed, spec.stream, spec.position, static_cast<uint32_t>(id));
    if (best < 0 || score > best_score || (score == best_score && id < best)) {
      best = id;
      best_score = score;
    }
  }
  return best;
}

inline double logprob(const std::vector<float>& logits, int32_t token) {
  const double top = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (float z : logits) sum += std::exp(static_cast<double>(z) - top);
  return static_cast<double>(logits[static_cast<size_t>(token)]) - top - std::log(sum);
}

}  // namespace longhaul::sampling::reference
