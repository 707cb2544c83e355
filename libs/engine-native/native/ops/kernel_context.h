#pragma once

#include <cstdint>
#include <exception>
#include <initializer_list>
#include <mutex>
#include <span>
#include <string>

#include "../fault.h"
#include "../kernels/choice.h"
#include "../ort/library.h"

namespace longhaul::ops {

template <class T>
constexpr ort::ElementType element_type();
template <>
constexpr ort::ElementType element_type<float>() { return ort::kFloat; }
template <>
constexpr ort::ElementType element_type<int32_t>() { return ort::kInt32; }
template <>
constexpr ort::ElementType element_type<int64_t>() { return ort::kInt64; }
template <>
constexpr ort::ElementType element_type<uint8_t>() { return ort::kUint8; }
// A half is carried as its bits.
template <>
constexpr ort::ElementType element_type<uint16_t>() { return ort::kFloat16; }

// A borrowed input. Absent optional inputs have null data and no dimensions.
template <class T>
struct Tensor {
  const char* name = "";
  const T* data = nullptr;
  std::span<const int64_t> dims;

  explicit operator bool() const { return data != nullptr || !dims.empty(); }
  int64_t operator[](size_t axis) const { return dims[axis]; }
  int64_t count() const {
    int64_t n = 1;
    for (int64_t d : dims) n *= d;
    return n;
  }
  void require_rank(size_t rank) const {
    if (dims.size() == rank) return;
    throw invalid(name, "rank must be " + std::to_string(rank) + ", got " + std::to_string(dims.size()));
  }
  void require_dim(size_t axis, int64_t size) const {
    if (dims[axis] == size) return;
    throw invalid(name, "dimension " + std::to_string(axis) + " must be " + std::to_string(size) + ", got " +
                            std::to_string(dims[axis]));
  }
  void require_shape(std::initializer_list<int64_t> shape) const {
    require_rank(shape.size());
    size_t axis = 0;
    for (int64_t size : shape) require_dim(axis++, size);
  }
};

// One call of a kernel: its inputs, outputs and ONNX Runtime's thread pool.
class KernelContext {
 public:
  // Compute threads of the session running on this thread; whoever runs a session sets it (the library does not tell).
  static inline thread_local int threads = 1;
  // Its kernels, likewise. Null: the last levels that run here.
  static inline thread_local const kernels::Choice* choice = nullptr;

  explicit KernelContext(ort::KernelContext* raw) : raw_(raw) {
    ort::check(ort::api().KernelContext_GetInputCount(raw, &inputs_));
    ort::check(ort::api().KernelContext_GetOutputCount(raw, &outputs_));
  }

  size_t outputs() const { return outputs_; }

  template <class T>
  Tensor<T> input(size_t index, const char* name) const {
    Tensor<T> tensor = optional_input<T>(index, name);
    if (!tensor) throw invalid(name, "is missing");
    return tensor;
  }

  template <class T>
  Tensor<T> optional_input(size_t index, const char* name) const {
    const auto& api = ort::api();
    const ort::Value* value = nullptr;
    if (index < inputs_) ort::check(api.KernelContext_GetInput(raw_, index, &value));
    if (!value) return {name, nullptr, {}};
    int type;
    const int64_t* dims;
    size_t rank;
    const void* data;
    ort::check(api.GetTensorElementTypeAndShapeDataReference(value, &type, &dims, &rank));
    if (type != element_type<T>()) throw invalid(name, "has element type " + std::to_string(type));
    ort::check(api.GetTensorData(value, &data));
    return {name, static_cast<const T*>(data), {dims, rank}};
  }

  float* output(size_t index, std::initializer_list<int64_t> dims) const {
    ort::Value* value;
    void* data;
    ort::check(ort::api().KernelContext_GetOutput(raw_, index, dims.begin(), dims.size(), &value));
    ort::check(ort::api().GetTensorMutableData(value, &data));
    return static_cast<float*>(data);
  }

  // Calls f(0) ... f(units - 1) on the session's threads, handed out in order one by one. The first exception of any
  // unit is thrown here: none may cross the library's frames.
  template <class F>
  void parallel_for(size_t units, F&& f) const {
    if (units == 1) return f(size_t{0});
    struct Shared {
      F& f;
      std::mutex mutex;
      std::exception_ptr error;
    } shared{f, {}, {}};
    auto call = [](void* user, size_t index) {
      auto& s = *static_cast<Shared*>(user);
      try {
        s.f(index);
      } catch (...) {
        std::lock_guard lock(s.mutex);
        if (!s.error) s.error = std::current_exception();
      }
    };
    ort::check(ort::api().KernelContext_ParallelFor(raw_, call, units, 0, &shared));
    if (shared.error) std::rethrow_exception(shared.error);
  }

 private:
  ort::KernelContext* raw_;
  size_t inputs_ = 0;
  size_t outputs_ = 0;
};

// Attributes of a node, read when its kernel is made.
class Attributes {
 public:
  explicit Attributes(const ort::KernelInfo* raw) : raw_(raw) {}

  // Range inclusive. Throws Fault naming the attribute.
  int integer(const char* name, int64_t low, int64_t high) const {
    int64_t value;
    ort::check(ort::api().KernelInfoGetAttribute_int64(raw_, name, &value));
    if (value < low || value > high)
      throw invalid(name, "must be in [" + std::to_string(low) + ", " + std::to_string(high) + "], got " +
                              std::to_string(value));
    return static_cast<int>(value);
  }
  float real(const char* name) const {
    float value;
    ort::check(ort::api().KernelInfoGetAttribute_float(raw_, name, &value));
    return value;
  }

 private:
  const ort::KernelInfo* raw_;
};

}  // namespace longhaul::ops
