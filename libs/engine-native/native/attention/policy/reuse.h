// Lists that are used for more than one query: of every n-th position (LServe, arXiv:2502.14866, section 3.5.3), or while the
// query stays like that of the selection (TokenSelect, arXiv:2411.02886, section 4.3). Internal to this folder.
#pragma once

#include "../attention.h"

namespace longhaul::attention {

/** Of a block of one decode query whose plan uses lists again: whether the list kept serves it. */
bool serves(const AttentionProblem& problem, const QueryBlock& block, const KeptList& kept);

/** The list kept, with all tokens that are new since. */
void use_again(const AttentionProblem& problem, const QueryBlock& block, KeptList& kept, Selection& selection);

void keep(const AttentionProblem& problem, const QueryBlock& block, const Selection& selection, KeptList& kept);

}  // namespace longhaul::attention
