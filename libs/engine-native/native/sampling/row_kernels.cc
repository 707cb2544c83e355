#include "row_kernels.h"

#include <cmath>
#include <limits>

#include "philox.h"

namespace longhaul::sampling {

double noisy_score(const NoiseSearch& search, float z, uint32_t token) {
  const double gap = static_cast<double>(z) - static_cast<double>(search.z_max);
  return gap / search.temperature + gumbel_noise(search.seed, search.stream, search.position, token);
}

void consider(NoiseSearch& search, float z, uint32_t token) {
  const int32_t id = static_cast<int32_t>(token);
  if (!(z >= search.z_cut) || (z == search.z_cut && id > search.id_cut)) return;
  const double score = noisy_score(search, z, token);
  const bool better = score > search.best_score;
  const bool earlier_tie = score == search.best_score && id < search.best_token;
  if (search.best_token >= 0 && !better && !earlier_tie) return;
  search.best_token = id;
  search.best_score = score;
}

namespace {

RowScan scan_scalar(const float* z, size_t n) {
  RowScan result{-std::numeric_limits<float>::infinity(), false};
  for (size_t i = 0; i < n; ++i) {
    result.has_nan |= std::isnan(z[i]);
    if (z[i] > result.max) result.max = z[i];
  }
  return result;
}

size_t next_at_least_scalar(const float* z, size_t begin, size_t n, float threshold) {
  while (begin < n && !(z[begin] >= threshold)) ++begin;
  return begin;
}

double exp_sum_scalar(const float* z, size_t n, float z_max, double temperature, float z_cut) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    if (z[i] >= z_cut) sum += std::exp((static_cast<double>(z[i]) - static_cast<double>(z_max)) / temperature);
  }
  return sum;
}

void noise_argmax_scalar(const float* z, size_t n, NoiseSearch& search) {
  for (size_t i = 0; i < n; ++i) {
    // A token at -infinity can never be drawn.
    if (z[i] > -std::numeric_limits<float>::infinity()) consider(search, z[i], static_cast<uint32_t>(i));
  }
}

}  // namespace

const RowKernels& scalar_kernels() {
  static const RowKernels kernels{"scalar", scan_scalar, next_at_least_scalar, exp_sum_scalar, noise_argmax_scalar};
  return kernels;
}

#if defined(__x86_64__)
const RowKernels& avx2_kernels();
#endif

const RowKernels& best_kernels() {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return avx2_kernels();
#endif
  return scalar_kernels();
}

}  // namespace longhaul::sampling
