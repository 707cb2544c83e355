#include "arguments.h"

#include <cmath>
#include <cstdint>

namespace longhaul::napi {
namespace {

int64_t integer(const Napi::Value& value, const char* name, int64_t low, int64_t high) {
  if (!value.IsNumber()) throw invalid(name, "must be a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) || number != std::floor(number))
    throw invalid(name, "must be an integer in [" + std::to_string(low) + ", " + std::to_string(high) + "]");
  return static_cast<int64_t>(number);
}

constexpr int64_t kSafeInteger = (int64_t{1} << 53) - 1;

}  // namespace

Napi::Object object_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (info.Length() <= index || !info[index].IsObject()) throw invalid(name, "must be an object");
  return info[index].As<Napi::Object>();
}

int64_t int64_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return integer(info[index], name, -kSafeInteger, kSafeInteger);
}

int32_t int32_field(const Napi::Object& object, const char* name) {
  return static_cast<int32_t>(integer(object.Get(name), name, INT32_MIN, INT32_MAX));
}

double number_field(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) throw invalid(name, "must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

bool bool_field(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsBoolean()) throw invalid(name, "must be a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::string string_field(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsString()) throw invalid(name, "must be a string");
  return value.As<Napi::String>().Utf8Value();
}

uint64_t uint64_field(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsBigInt()) throw invalid(name, "must be a bigint");
  bool lossless;
  const uint64_t result = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) throw invalid(name, "must be from 0 to 2^64 - 1");
  return result;
}

uint64_t bigint_field(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsBigInt()) throw invalid(name, "must be a bigint");
  bool lossless;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

Napi::Array array_field(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) throw invalid(name, "must be an array");
  return value.As<Napi::Array>();
}

}  // namespace longhaul::napi
