#include "errors.h"

#include <new>

namespace longhaul::napi {
namespace {

const char* name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case FaultKind::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case FaultKind::kCancelled:
      return "CANCELLED";
    case FaultKind::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case FaultKind::kInternal:
      return "INTERNAL";
  }
  return "INTERNAL";
}

Napi::Error make(Napi::Env env, FaultKind kind, const char* message, const std::string& field) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("kind", Napi::String::New(env, name_of(kind)));
  if (!field.empty()) error.Set("field", Napi::String::New(env, field));
  return error;
}

}  // namespace

Napi::Error to_error(Napi::Env env, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Fault& fault) {
    return make(env, fault.kind, fault.what(), fault.field);
  } catch (const std::bad_alloc&) {
    return make(env, FaultKind::kResourceExhausted, "out of memory", {});
  } catch (const std::exception& other) {
    return make(env, FaultKind::kInternal, other.what(), {});
  }
}

}  // namespace longhaul::napi
