#pragma once

#include <napi.h>

#include <exception>

#include "../fault.h"

namespace longhaul::napi {

// A JavaScript Error with the fault's message and, as properties, its `kind` ("INVALID_ARGUMENT", ...) and `field`.
Napi::Error to_error(Napi::Env env, const std::exception_ptr& error);

// Runs f; an exception of the native code becomes a JavaScript one.
template <class F>
auto guarded(Napi::Env env, F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_error(env, std::current_exception());
  }
}

}  // namespace longhaul::napi
