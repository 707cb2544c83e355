#pragma once

#include "../attention/attention.h"
#include "../step/step_context.h"

namespace longhaul::ops {

// Fills in what a step says about the attention of every layer: pool, tables, lengths. The problem borrows from the step.
// Throws Fault where the step asks for what attention cannot do, a policy among it.
void describe_step(const StepContext& step, AttentionProblem& problem);

}  // namespace longhaul::ops
