#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api.h"

namespace longhaul::ort {

// Loads libonnxruntime once per process; a second call with any path does nothing. Throws Fault.
void load(const std::string& path);

// The function table. Throws Fault before load().
const Api& api();
const std::string& version();
std::vector<std::string> providers();

// Throws Fault when `status` is an error, and releases it.
void check(Status* status);

// The environment of the process, made on first use and never released: at process exit the order of the library's
// static destructors is undefined. Log lines from warnings on go to log_ring().
Env* env();

const MemoryInfo* cpu_memory();

struct Release {
  void operator()(Session* p) const { api().ReleaseSession(p); }
  void operator()(SessionOptions* p) const { api().ReleaseSessionOptions(p); }
  void operator()(RunOptions* p) const { api().ReleaseRunOptions(p); }
  void operator()(Value* p) const { api().ReleaseValue(p); }
  void operator()(TypeInfo* p) const { api().ReleaseTypeInfo(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;

// Calls a function of the API whose last parameter receives a new object.
template <class T, class... Args>
Owned<T> make(Status* (*function)(Args...), auto... arguments) {
  T* result = nullptr;
  check(function(arguments..., &result));
  return Owned<T>(result);
}

}  // namespace longhaul::ort
