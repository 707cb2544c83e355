// Attention from its definition, in double precision and without pages. Shares no code with the kernels.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "case.h"

namespace longhaul::test {

inline double rounded_to_bf16(double value) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

/** What is left of a row of bytes with one scale. */
inline void round_to_bytes(std::vector<double>& row) {
  double largest = 0.0;
  for (const double v : row) largest = std::max(largest, std::fabs(v));
  if (largest == 0.0) return;
  const double scale = largest / 127.0;
  for (double& v : row) v = std::nearbyint(v / scale) * scale;
}

/** The rotation of int8 from its definition: signs by the parity of common bits, in pieces of a power of two. */
inline std::vector<double> rotated(const std::vector<double>& row) {
  const int dims = static_cast<int>(row.size());
  const int length = dims & -dims;
  std::vector<double> result(row.size(), 0.0);
  for (int d = 0; d < dims; ++d) {
    for (int i = 0; i < length; ++i) {
      const double sign = __builtin_parity(static_cast<unsigned>(d % length & i)) != 0 ? -1.0 : 1.0;
      result[d] += sign * row[d / length * length + i] / std::sqrt(static_cast<double>(length));
    }
  }
  return result;
}

/** What the pool keeps of a key (or a value). */
inline std::vector<double> kept(KvDtype dtype, std::vector<double> row) {
  for (double& v : row) v = static_cast<float>(v);
  switch (dtype) {
    case KvDtype::kF32:
      return row;
    case KvDtype::kBf16:
      for (double& v : row) v = rounded_to_bf16(v);
      return row;
    case KvDtype::kInt8:
      row = rotated(row);
      round_to_bytes(row);
      return rotated(row);
  }
  return row;
}

class Reference {
 public:
  explicit Reference(const World& world) : Reference(world, world.shape.dtype) {}

  /** Attention over what a pool of another type would keep. */
  Reference(const World& world, KvDtype dtype) : world_(world), s_(world.shape), dtype_(dtype) {}

  /** Whether queries of a KV head look at a page of a sequence: (sequence, kv_head, page). */
  std::function<bool(int, int, int)> looks_at = [](int, int, int) { return true; };

  /** Whether the query at a position does: (sequence, kv_head, position, page). */
  std::function<bool(int, int, int, int)> reads = [](int, int, int, int) { return true; };

  /** Whether it sees the key at a position: (sequence, kv_head, position, key). */
  std::function<bool(int, int, int, int)> sees = [](int, int, int, int) { return true; };

  /** A query behind norm and rotation. */
  std::vector<double> query(size_t b, int position, int head) const { return prepared(b, position, head, world_.q_norm); }

  /** Outputs of the fresh tokens of all sequences, sequence after sequence. */
  std::vector<double> fresh_outputs() const {
    std::vector<double> all;
    for (size_t b = 0; b < world_.sequences.size(); ++b) {
      const int past = world_.sequences[b].past;
      const int length = past + world_.sequences[b].fresh;
      const std::vector<std::vector<double>> keys = prepared_keys(b, length), values = kept_values(b, length);
      for (int position = past; position < length; ++position) {
        for (int head = 0; head < s_.heads; ++head) append_head(all, b, position, head, keys, values);
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
        keys.push_back(kept(dtype_, prepared(b, position, s_.heads + head, world_.k_norm)));
      }
    }
    return keys;
  }

  /** [kv head x length + position] */
  std::vector<std::vector<double>> kept_values(size_t b, int length) const {
    std::vector<std::vector<double>> values;
    for (int head = 0; head < s_.kv_heads; ++head) {
      for (int position = 0; position < length; ++position) {
        const float* raw = row(b, position, s_.heads + s_.kv_heads + head);
        values.push_back(kept(dtype_, {raw, raw + s_.head_dim}));
      }
    }
    return values;
  }

  void append_head(std::vector<double>& all, size_t b, int position, int head, const std::vector<std::vector<double>>& keys,
                   const std::vector<std::vector<double>>& values) const {
    const int kv_head = head / (s_.heads / s_.kv_heads);
    const int length = static_cast<int>(keys.size()) / s_.kv_heads;
    const std::vector<double> q = prepared(b, position, head, world_.q_norm);
    const int oldest = s_.window > 0 ? std::max(0, position - s_.window + 1) : 0;
    std::vector<double> logits;
    double top = s_.sinks ? world_.sinks[head] : -1e300;
    std::vector<int> seen;
    for (int k = oldest; k <= position; ++k) {
      if (!looks_at(static_cast<int>(b), kv_head, k / kPageTokens)) continue;
      if (!reads(static_cast<int>(b), kv_head, position, k / kPageTokens)) continue;
      if (!sees(static_cast<int>(b), kv_head, position, k)) continue;
      seen.push_back(k);
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
    for (size_t i = 0; i < seen.size(); ++i) {
      const int k = seen[i];
      const double weight = std::exp(logits[i] - top);
      const std::vector<double>& value = values[static_cast<size_t>(kv_head) * length + k];
      total += weight;
      for (int d = 0; d < s_.head_dim; ++d) sum[d] += weight * value[d];
    }
    for (const double v : sum) all.push_back(total == 0.0 ? 0.0 : v / total);
  }

  const World& world_;
  const Shape& s_;
  KvDtype dtype_;
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
