// What policies choose: the selector of blocks with a plan.
#pragma once

#include "../selector.h"

namespace longhaul::attention {

/** Has no state of its own: what is kept from step to step is in the SequenceState of the block's owner. */
class PolicySelector : public Selector {
 public:
  void select(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) const override;
};

}  // namespace longhaul::attention
