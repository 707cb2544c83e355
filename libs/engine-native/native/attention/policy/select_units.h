// Selections of pages by their scores. Internal to this folder.
#pragma once

#include "../attention.h"

namespace longhaul::attention {

/** By key bounds or antidiagonals, in units of the plan (Quest, LServe, XAttention). */
void select_units(const AttentionProblem& problem, const QueryBlock& block, Selection& selection);

/** By columns and diagonals (MInference, FlexPrefill); the pages that any of the lines chosen runs through. */
void select_lines(const AttentionProblem& problem, const QueryBlock& block, Selection& selection);

/** By single tokens (TokenSelect, Double Sparsity). */
void select_tokens(const AttentionProblem& problem, const QueryBlock& block, Selection& selection);

}  // namespace longhaul::attention
