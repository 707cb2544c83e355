// Reading JavaScript values with the checks that C++ needs; every failure is a Fault naming the field.
#pragma once

#include <napi.h>

#include <span>
#include <string>
#include <vector>

#include "../fault.h"

namespace longhaul::napi {

template <class T>
constexpr napi_typedarray_type array_type();
template <>
constexpr napi_typedarray_type array_type<int32_t>() { return napi_int32_array; }
template <>
constexpr napi_typedarray_type array_type<float>() { return napi_float32_array; }
template <>
constexpr napi_typedarray_type array_type<uint8_t>() { return napi_uint8_array; }

template <class T>
constexpr const char* array_name() {
  if (array_type<T>() == napi_int32_array) return "must be an Int32Array";
  return array_type<T>() == napi_uint8_array ? "must be a Uint8Array" : "must be a Float32Array";
}

Napi::Object object_argument(const Napi::CallbackInfo& info, size_t index, const char* name);
int64_t int64_argument(const Napi::CallbackInfo& info, size_t index, const char* name);
// Integers outside 32 bits and fractions are refused, not wrapped.
int32_t int32_field(const Napi::Object& object, const char* name);
double number_field(const Napi::Object& object, const char* name);
bool bool_field(const Napi::Object& object, const char* name);
std::string string_field(const Napi::Object& object, const char* name);
// The lowest 64 bits.
uint64_t bigint_field(const Napi::Object& object, const char* name);
// From 0 to 2^64 - 1.
uint64_t uint64_field(const Napi::Object& object, const char* name);
Napi::Array array_field(const Napi::Object& object, const char* name);

// A view of a typed array's memory, valid while the array is neither detached nor collected.
template <class T>
std::span<const T> typed_view(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != array_type<T>())
    throw invalid(name, array_name<T>());
  napi_typedarray_type type;
  size_t length;
  void* data;
  napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr);
  return {static_cast<const T*>(data), length};
}

template <class T>
std::vector<T> copied_field(const Napi::Object& object, const char* name) {
  const auto view = typed_view<T>(object.Get(name), name);
  return {view.begin(), view.end()};
}

}  // namespace longhaul::napi
