#pragma once

#include <span>
#include <vector>

#include "../gate/load_gate.h"

namespace longhaul::ops {

// Gates of the step that runs on this thread. Whoever runs a session sets them: the library hands a kernel nothing but
// tensors.
inline thread_local std::span<const GatedSequence> step_gates;

// Waits until the layer of every gated sequence is in its pages. Marks, among `batch` sequences, those whose gate was
// cancelled: their pages may hold anything, and be written to. Empty when there are none.
inline std::vector<uint8_t> pass_gates(int layer, int batch) {
  std::vector<uint8_t> skipped;
  for (const GatedSequence& gated : step_gates) {
    if (gated.gate->wait(layer)) continue;
    skipped.resize(static_cast<size_t>(batch));
    skipped[static_cast<size_t>(gated.sequence)] = 1;
  }
  return skipped;
}

}  // namespace longhaul::ops
