// Choosing by scores. Results ascend, and are the same as by sorting; see scoring.h for where scores come from. A thread
// keeps memory for 8 bytes per score.
#pragma once

#include <cstdint>
#include <vector>

namespace longhaul::attention {

/**
 * The `k` greatest of scores [n], ascending. Of equal ones the lower index comes first; NaN ranks below everything. All of
 * them where k >= n, none where k <= 0. O(n).
 *
 * @param chosen replaced.
 */
void select_top_k(const float* scores, int n, int k, std::vector<int32_t>& chosen);

/**
 * The shortest run of the falling order (ties as in select_top_k) with which the mass chosen, `forced_mass` included,
 * reaches `tau` of all mass, forced_mass included; then at least `min_units` and at most `max_units` of them. `tau` of 1 or
 * more takes all, up to max_units. O(n).
 *
 * @param scores [n] at least 0; NaN and less than 0 have no mass and rank last.
 * @param chosen replaced; ascending.
 */
void select_top_cdf(const float* scores, int n, float tau, float forced_mass, int min_units, int max_units,
                    std::vector<int32_t>& chosen);

}  // namespace longhaul::attention
