// Attention from its definition, in double precision and without pages. Shares no code with the kernels.
#pragma once

#include <cmath>

#include "case.h"

namespace longhaul::test {

inline double rounded_to(KvDtype dtype, double value) {
  if (dtype == KvDtype::kF32) return value;
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

class Reference {
 public:
  explicit Reference(const World& world) : world_(world), s_(world.shape) {}

  /** Outputs of the fresh tokens of all sequences, sequence after sequence. */
  std::vector<double> fresh_outputs() const {
    std::vector<double> all;
    for (size_t b = 0; b < world_.sequences.size(); ++b) {
      const int past = world_.sequences[b].past;
      const int length = past + world_.sequences[b].fresh;
      std::vector<std::vector<double>> keys = prepared_keys(b, length);
      for (int position = past; position < length; ++position) {
        for (int head = 0; head < s_.heads; ++head) append_head(all, b, position, head, keys);
      }
    }
    return all;
  }

 private:
  const float* row(size_t b, int position, int head) const {
    return world_.qkv[b].data() + static_cast<size_t>(position) * world_.row_floats() +
           static_cast<size_t>(head) * s_.head_dim;
  }

  std::vector<double> prepared(size_t b, int position, int head, const std::vector<float>& weights) const {
    const float* from = row(b, position, head);
    std::vector<double> x(from, from + s_.head_dim);
    if (s_.norms) {
      double square = 0.0;
      for (const double v : x) square += v * v;
      const double factor = 1.0 / std::sqrt(square / s_.head_dim + 1e-6);
      for (int d = 0; d < s_.head_dim; ++d) x[d] *= factor * weights[d];
    }
    const int half = s_.rope_dim / 2;
    const float* angles = world_.rope[b].data() + static_cast<size_t>(position) * s_.rope_dim;
    for (int i = 0; i < half; ++i) {
      const double first = x[i];
      const double second = x[half + i];
      x[i] = first * angles[i] - second * angles[half + i];
      x[half + i] = second * angles[i] + first * angles[half + i];
    }
    return x;
  }

  /** [kv head x length + position] */
  std::vector<std::vector<double>> prepared_keys(size_t b, int length) const {
    std::vector<std::vector<double>> keys;
    for (int head = 0; head < s_.kv_heads; ++head) {
      for (int position = 0; position < length; ++position) {
        keys.push_back(prepared(b, position, s_.heads + head, world_.k_norm));
        for (double& v : keys.back()) v = rounded_to(s_.dtype, static_cast<float>(v));
      }
    }
    return keys;
  }

  void append_head(std::vector<double>& all, size_t b, int position, int head,
                   const std::vector<std::vector<double>>& keys) const {
    const int kv_head = head / (s_.heads / s_.kv_heads);
    const int length = static_cast<int>(keys.size()) / s_.kv_heads;
    const std::vector<double> q = prepared(b, position, head, world_.q_norm);
    const int oldest = s_.window > 0 ? std::max(0, position - s_.window + 1) : 0;
    std::vector<double> logits;
    double top = s_.sinks ? world_.sinks[head] : -1e300;
    for (int k = oldest; k <= position; ++k) {
      const std::vector<double>& key = keys[static_cast<size_t>(kv_head) * length + k];
      double logit = 0.0;
      for (int d = 0; d < s_.head_dim; ++d) logit += q[d] * key[d];
      logit *= world_.scale();
      if (s_.softcap > 0.0f) logit = s_.softcap * std::tanh(logit / s_.softcap);
      logits.push_back(logit);
      top = std::max(top, logit);
    }
    double total = s_.sinks ? std::exp(world_.sinks[head] - top) : 0.0;
    std::vector<double> sum(static_cast<size_t>(s_.head_dim), 0.0);
    for (int k = oldest; k <= position; ++k) {
      const double weight = std::exp(logits[static_cast<size_t>(k - oldest)] - top);
      const float* value = row(b, k, s_.heads + s_.kv_heads + kv_head);
      total += weight;
      for (int d = 0; d < s_.head_dim; ++d) sum[d] += weight * rounded_to(s_.dtype, value[d]);
    }
    for (const double v : sum) all.push_back(v / total);
  }

  const World& world_;
  const Shape& s_;
};

/** ||actual - expected|| / ||expected||; NaN anywhere gives infinity. */
inline double relative_error(const std::vector<float>& actual, const std::vector<double>& expected) {
  if (actual.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double difference = 0.0;
  double norm = 1e-60;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (std::isnan(actual[i])) return std::numeric_limits<double>::infinity();
    difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(difference / norm);
}

}  // namespace longhaul::test
