// How much of what its queries might see a block attends to, in pairs of a query and a page.
#pragma once

#include "../attention.h"

namespace longhaul::attention {

/** Adds a block that attends to `pages`. */
void count_pairs(const AttentionProblem& problem, const QueryBlock& block, const PageList& pages, SequenceDensity& density);

}  // namespace longhaul::attention
