#pragma once

#include "../step/step_context.h"
#include "kernel_context.h"

namespace longhaul::ops {

// The step that runs this node, from the node's input `step_context` i64[1]. Throws Fault.
inline std::shared_ptr<StepContext> step_input(const KernelContext& context, size_t index) {
  const auto handle = context.input<int64_t>(index, "step_context");
  handle.require_shape({1});
  return find_step(*handle.data);
}

}  // namespace longhaul::ops
