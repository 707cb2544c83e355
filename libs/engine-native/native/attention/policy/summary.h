// The mean row that stands for the keys a mask drops (RazorAttention, arXiv:2407.15891, section 3). Internal to this folder.
#pragma once

#include "../attention.h"

namespace longhaul::attention {

/** Of a block of one decode query whose plan has a summary: writes it to the selection, and keeps the sums. */
void summarise(const AttentionProblem& problem, const QueryBlock& block, Selection& selection);

/**
 * Adds a summary to the attention over the keys of the list.
 *
 * @param logit of the summary for the row's query, its count included.
 * @param value [head_dim] the mean value.
 * @param lse natural logarithm of the row's sum of exponentials.
 * @param out [head_dim] the row's normalised attention, replaced.
 * @returns the lse of both.
 */
float add_summary(float logit, const float* value, int head_dim, float lse, float* out);

}  // namespace longhaul::attention
