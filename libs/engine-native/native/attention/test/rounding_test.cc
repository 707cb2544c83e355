// Tests of how keys and queries of an int8 pool are rounded (weighted_rounding.h).
#include <cmath>
#include <random>

#include "../weighted_rounding.h"
#include "checks.h"

namespace longhaul::test {
namespace {

using attention::quantise_rotated_row;
using attention::quantise_row;
using attention::rotate_head;

constexpr int kRows = 400;
/** Mean square error of products, beside that of rounding to the nearest number. */
constexpr double kWithLargeChannels = 0.5;
constexpr double kWithout = 1.3;

struct Row {
  alignas(64) float x[kMaxHeadDim];
};

std::mt19937 generator(7);

/** Random numbers, of which a channel and its partner under RoPE are `large` times the others; in the rotated basis. */
Row random_row(int dims, float large) {
  std::normal_distribution<float> normal;
  Row row;
  for (int d = 0; d < dims; ++d) row.x[d] = normal(generator);
  const float angle = 6.0f * normal(generator);
  row.x[3] += large * std::cos(angle);
  row.x[3 + dims / 2] += large * std::sin(angle);
  rotate_head(row.x, dims);
  return row;
}

template <class Quantise>
double product_error(const Row& query, const Row& key, int dims, const Quantise& quantise) {
  int8_t bytes[kMaxHeadDim];
  const float scale = quantise(key.x, dims, bytes);
  double error = 0.0;
  for (int d = 0; d < dims; ++d) error += query.x[d] * (static_cast<double>(bytes[d]) * scale - key.x[d]);
  return error * error;
}

/** The error of products with rounded keys over that with keys rounded to the nearest number. */
double relative_product_error(int dims, float large) {
  double weighted = 0.0;
  double nearest = 0.0;
  for (int i = 0; i < kRows; ++i) {
    const Row query = random_row(dims, large);
    const Row key = random_row(dims, large);
    weighted += product_error(query, key, dims, quantise_rotated_row);
    nearest += product_error(query, key, dims, quantise_row);
  }
  return weighted / nearest;
}

void stays_in_range_by_the_same_scale(int dims) {
  for (int i = 0; i < kRows; ++i) {
    const Row row = random_row(dims, static_cast<float>(i));
    int8_t nearest[kMaxHeadDim];
    int8_t bytes[kMaxHeadDim];
    const float scale = quantise_row(row.x, dims, nearest);
    expect(quantise_rotated_row(row.x, dims, bytes) == scale, "rounds by the same scale", i, dims);
    for (int d = 0; d < dims; ++d) {
      expect(bytes[d] >= -127 && std::abs(bytes[d] - nearest[d]) <= 2, "a byte stays near, and in range", bytes[d], nearest[d]);
    }
  }
}

void says_that_a_row_is_not_finite(int dims) {
  for (const float fault : {NAN, INFINITY, -INFINITY}) {
    Row row = random_row(dims, 0.0f);
    row.x[dims - 1] = fault;
    int8_t bytes[kMaxHeadDim];
    expect(std::isnan(quantise_rotated_row(row.x, dims, bytes)), "a row that is not finite has no scale", fault, dims);
  }
}

void keeps_zeros(int dims) {
  const Row row{};
  int8_t bytes[kMaxHeadDim];
  expect(quantise_rotated_row(row.x, dims, bytes) == 0.0f, "zeros have the scale 0", dims, 0);
  for (int d = 0; d < dims; ++d) expect(bytes[d] == 0, "zeros stay zeros", bytes[d], d);
}

}  // namespace
}  // namespace longhaul::test

int main() {
  using namespace longhaul;
  using namespace longhaul::test;
  for (int dims = kMinHeadDim; dims <= kMaxHeadDim; dims += kHeadDimStep) {
    const std::string name = " d" + std::to_string(dims);
    const float large = 2.0f * std::sqrt(static_cast<float>(dims));
    expect_below(relative_product_error(dims, large), kWithLargeChannels, "products of rows with large channels are nearer" + name);
    expect_below(relative_product_error(dims, 0.0f), kWithout, "products of rows without lose little" + name);
    stays_in_range_by_the_same_scale(dims);
    says_that_a_row_is_not_finite(dims);
    keeps_zeros(dims);
  }
  return report();
}
