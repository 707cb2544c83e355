#pragma once

#include <exception>
#include <new>

#include "kernel_context.h"

namespace longhaul::ops {

struct InputSpec {
  ort::ElementType type;
  bool optional = false;
};

inline ort::Status* to_status(const std::exception& error) {
  const auto* fault = dynamic_cast<const Fault*>(&error);
  const bool bad_input = fault && fault->kind == FaultKind::kInvalidArgument;
  return ort::api().CreateStatus(bad_input ? ort::kInvalidArgument : ort::kRuntimeException, error.what());
}

// Adapts a kernel class to the C struct. A kernel has `kName`, `kInputs` (an array of InputSpec), a constructor from
// Attributes, and `void compute(const KernelContext&)`; it has one f32 output. Exceptions become statuses.
template <class Kernel>
struct CustomOpOf : ort::CustomOp {
  CustomOpOf() {
    using Self = const ort::CustomOp*;
    GetName = [](Self) { return Kernel::kName; };
    GetExecutionProviderType = [](Self) -> const char* { return nullptr; };
    GetInputTypeCount = [](Self) { return std::size(Kernel::kInputs); };
    GetInputType = [](Self, size_t i) { return Kernel::kInputs[i].type; };
    GetInputCharacteristic = [](Self, size_t i) { return Kernel::kInputs[i].optional ? ort::kOptional : ort::kRequired; };
    GetInputMemoryType = [](Self, size_t) { return ort::kDefault; };
    GetOutputTypeCount = [](Self) -> size_t { return 1; };
    GetOutputType = [](Self, size_t) { return ort::kFloat; };
    GetOutputCharacteristic = [](Self, size_t) { return ort::kRequired; };
    CreateKernelV2 = [](Self, const void*, const ort::KernelInfo* info, void** kernel) -> ort::Status* {
      try {
        *kernel = new Kernel(Attributes(info));
        return nullptr;
      } catch (const std::exception& error) {
        return to_status(error);
      }
    };
    KernelComputeV2 = [](void* kernel, ort::KernelContext* context) -> ort::Status* {
      try {
        static_cast<Kernel*>(kernel)->compute(KernelContext(context));
        return nullptr;
      } catch (const std::exception& error) {
        return to_status(error);
      }
    };
    KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  }
};

}  // namespace longhaul::ops
