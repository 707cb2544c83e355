#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "row_kernels.h"

namespace longhaul::sampling {

struct Candidate {
  float z;
  int32_t token;
};

// The order of candidates everywhere: falling logit, ties by lower id.
inline bool ahead(const Candidate& a, const Candidate& b) {
  return a.z > b.z || (a.z == b.z && a.token < b.token);
}

// The first `count` candidates in order, of those with z >= z_cut and z > -infinity.
std::vector<Candidate> largest(const RowKernels& kernels, const float* z, size_t n, int32_t count, float z_cut);

// A copy of the row with all but the first `count` tokens at -infinity, in `scratch`. 0 < count < n.
const float* mask_all_but_largest(const float* z, size_t n, size_t count, std::vector<float>& scratch);

// The last member of the smallest head of the ordered candidates (z >= search.z_cut) with at least `target` mass.
// Linear in n but for the tokens that share the last member's 1/64 of a nat.
Candidate nucleus_end(const float* z, size_t n, double target, const NoiseSearch& search);

}  // namespace longhaul::sampling
