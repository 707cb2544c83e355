#include "library.h"

#include <dlfcn.h>

#include <mutex>

#include "../fault.h"
#include "../logging/log_ring.h"

namespace longhaul::ort {
namespace {

struct Library {
  std::mutex mutex;
  bool loaded = false;
  Api api;
  std::string version;
  Env* env = nullptr;
};

Library& library() {
  static auto* instance = new Library;  // never destroyed: sessions may outlive static destruction
  return *instance;
}

Fault unavailable(const std::string& message) { return Fault(FaultKind::kFailedPrecondition, message); }

FaultKind kind_of(int code) {
  return code == kInvalidArgument || code == kNoSuchFile ? FaultKind::kInvalidArgument : FaultKind::kInternal;
}

std::string text(const char* words) { return words ? words : ""; }

// On whichever thread of the library has something to say. Nothing may be thrown into the library.
void keep_log_line(void*, int severity, const char* category, const char*, const char* location, const char* message) {
  try {
    log_ring().push(LogLine{severity, text(category), text(location), text(message)});
  } catch (...) {
    // Out of memory: a log line is what can be done without.
  }
}

}  // namespace

void load(const std::string& path) {
  Library& self = library();
  std::lock_guard lock(self.mutex);
  if (self.loaded) return;
  // Never unmapped: its thread pools and statics must not lose their code while a worker ends.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) throw unavailable(std::string("cannot load ONNX Runtime: ") + dlerror());
  auto get_base = reinterpret_cast<const ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  if (!get_base) throw unavailable("not an ONNX Runtime library: " + path);
  const ApiBase* base = get_base();
  self.version = base->GetVersionString();
  const void* const* table = base->GetApi(kApiVersion);
  if (!table) throw unavailable("ONNX Runtime " + self.version + " is older than 1." + std::to_string(kApiVersion));
#define X(ordinal, since, name, result, parameters) \
  self.api.name = reinterpret_cast<result(*) parameters>(const_cast<void*>(table[ordinal]));
  LONGHAUL_ORT_FUNCTIONS(X)
#undef X
  self.loaded = true;
}

const Api& api() {
  const Library& self = library();
  if (!self.loaded) throw unavailable("ONNX Runtime is not loaded");
  return self.api;
}

const std::string& version() { return library().version; }

std::vector<std::string> providers() {
  char** names = nullptr;
  int count = 0;
  check(api().GetAvailableProviders(&names, &count));
  std::vector<std::string> result(names, names + count);
  check(api().ReleaseAvailableProviders(names, count));
  return result;
}

void check(Status* status) {
  if (!status) return;
  const FaultKind kind = kind_of(api().GetErrorCode(status));
  const std::string message = api().GetErrorMessage(status);
  api().ReleaseStatus(status);
  throw Fault(kind, message);
}

Env* env() {
  const Api& functions = api();
  Library& self = library();
  std::lock_guard lock(self.mutex);
  if (!self.env) check(functions.CreateEnvWithCustomLogger(keep_log_line, nullptr, kWarning, "longhaul", &self.env));
  return self.env;
}

const MemoryInfo* cpu_memory() {
  static const MemoryInfo* info = [] {
    MemoryInfo* result = nullptr;
    check(api().CreateCpuMemoryInfo(kDeviceAllocator, kDefault, &result));
    return result;
  }();
  return info;
}

}  // namespace longhaul::ort
