#pragma once

#include <cstddef>
#include <cstdint>

namespace longhaul::sampling {

// Maximum of a row and whether a NaN is in it. An empty row has the maximum -infinity.
struct RowScan {
  float max;
  bool has_nan;
};

// Where the noise search begins and what it found.
struct NoiseSearch {
  uint64_t seed;
  uint32_t stream;
  uint32_t position;
  float z_max;
  double temperature;  // > 0
  float z_cut;         // tokens under it are out
  int32_t id_cut;      // of the tokens at it, those with a higher id are out
  int32_t best_token;
  double best_score;
};

// The loops over a whole vocabulary. Every entry computes the same on every level; only exp_sum may differ in the
// last bits between levels, because the lanes add up in another order.
struct RowKernels {
  const char* name;
  RowScan (*scan)(const float* z, size_t n);
  // First index in [begin, n) with z[i] >= threshold, or n.
  size_t (*next_at_least)(const float* z, size_t begin, size_t n, float threshold);
  // Sum of exp((z[i] - z_max) / temperature) over z[i] >= z_cut.
  double (*exp_sum)(const float* z, size_t n, float z_max, double temperature, float z_cut);
  // Looks at all tokens; updates best_token and best_score with the largest (z - z_max) / T + Gumbel noise.
  void (*noise_argmax)(const float* z, size_t n, NoiseSearch& search);
};

// Plain loops, the reference of the others.
const RowKernels& scalar_kernels();
// The best level this processor runs.
const RowKernels& best_kernels();

// (z - z_max) / T + Gumbel noise: the score that sampling maximises.
double noisy_score(const NoiseSearch& search, float z, uint32_t token);
// Scores one token and keeps it if it beats the best; ties go to the lower id.
void consider(NoiseSearch& search, float z, uint32_t token);

}  // namespace longhaul::sampling
