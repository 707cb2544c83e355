#pragma once

#include <exception>
#include <new>

#include "declared_op.h"
#include "kernel_context.h"

namespace longhaul::ops {

inline ort::Status* to_status(const std::exception& error) {
  const auto* fault = dynamic_cast<const Fault*>(&error);
  const bool bad_input = fault && fault->kind == FaultKind::kInvalidArgument;
  return ort::api().CreateStatus(bad_input ? ort::kInvalidArgument : ort::kRuntimeException, error.what());
}

// Adapts a kernel class to the C struct. Besides what DeclaredOp needs a kernel has a constructor from Attributes, and
// `void compute(const KernelContext&)`. Exceptions become statuses.
template <class Kernel>
struct CustomOpOf : DeclaredOp<Kernel> {
  CustomOpOf() {
    using Self = const ort::CustomOp*;
    this->CreateKernelV2 = [](Self, const void*, const ort::KernelInfo* info, void** kernel) -> ort::Status* {
      try {
        *kernel = new Kernel(Attributes(info));
        return nullptr;
      } catch (const std::exception& error) {
        return to_status(error);
      }
    };
    this->KernelComputeV2 = [](void* kernel, ort::KernelContext* context) -> ort::Status* {
      try {
        static_cast<Kernel*>(kernel)->compute(KernelContext(context));
        return nullptr;
      } catch (const std::exception& error) {
        return to_status(error);
      }
    };
    this->KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  }
};

}  // namespace longhaul::ops
