// Choosing among the candidates of a block, by a count or by a share of the mass. Internal to this folder.
#pragma once

#include "../scoring/scoring.h"
#include "forced.h"

namespace longhaul::attention {

/** Replaces the scores by those of the candidates; returns the mass of the forced units. */
using ScoreMiddle = float (*)(const ScoreJob& job, const Middle& middle, std::vector<float>& scores);

/** Writes the candidates that the block's plan chooses, as numbers among them; false where all are, which nothing is scored for. */
bool choose(const ScoreJob& job, const Middle& middle, ScoreMiddle score, std::vector<int32_t>& chosen);

}  // namespace longhaul::attention
