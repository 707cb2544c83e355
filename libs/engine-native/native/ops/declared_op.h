#pragma once

#include <cstddef>
#include <iterator>

#include "../ort/api.h"

namespace longhaul::ops {

// An input as the library is told of it. `memory`: where a provider that computes elsewhere than on the processor must
// put it; kCpuInput for what the host reads to plan the work.
struct InputSpec {
  ort::ElementType type;
  ort::Characteristic kind = ort::kRequired;
  ort::MemoryType memory = ort::kDefault;
};

// An output; outputs lie where the provider computes, the library knows no other place for those of custom operators.
// The last one may be kVariadic: one or more of a kind, as many as the node has.
struct OutputSpec {
  ort::ElementType type = ort::kFloat;
  ort::Characteristic kind = ort::kRequired;
};

// The input of every operator that is about a step: the handle of its context (../step/step_context.h).
constexpr InputSpec kStepContextInput = {ort::kInt64, ort::kRequired, ort::kCpuInput};

// Describes an operator to ONNX Runtime by the constants of its kernel class: `kName`, `kInputs` (array of InputSpec)
// and `kOutputs` (array of OutputSpec). What computes is not part of it, so a provider of its own can reuse it.
template <class Kernel>
struct DeclaredOp : ort::CustomOp {
  DeclaredOp() {
    using Self = const ort::CustomOp*;
    GetName = [](Self) { return Kernel::kName; };
    GetExecutionProviderType = [](Self) -> const char* { return nullptr; };
    GetInputTypeCount = [](Self) { return std::size(Kernel::kInputs); };
    GetInputType = [](Self, size_t i) { return Kernel::kInputs[i].type; };
    GetInputCharacteristic = [](Self, size_t i) { return Kernel::kInputs[i].kind; };
    GetInputMemoryType = [](Self, size_t i) { return Kernel::kInputs[i].memory; };
    GetOutputTypeCount = [](Self) { return std::size(Kernel::kOutputs); };
    GetOutputType = [](Self, size_t i) { return Kernel::kOutputs[i].type; };
    GetOutputCharacteristic = [](Self, size_t i) { return Kernel::kOutputs[i].kind; };
    GetVariadicOutputMinArity = [](Self) { return 1; };
    GetVariadicOutputHomogeneity = [](Self) { return 1; };
  }
};

}  // namespace longhaul::ops
