// Our own declarations of the part of ONNX Runtime's C ABI that is used here.
//
// The library exports one symbol, OrtGetApiBase. Its table of function pointers only ever grows at the end, so a
// function is identified for good by its ordinal; the release (1.N) that brought it stands beside it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace longhaul::ort {

struct Allocator;
struct CustomOp;
struct CustomOpDomain;
struct Env;
struct KernelContext;
struct KernelInfo;
struct MemoryInfo;
struct RunOptions;
struct Session;
struct SessionOptions;
struct ShapeInferContext;
struct Status;
struct TensorInfo;
struct TypeInfo;
struct Value;

enum ElementType : int {
  kUndefined = 0, kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kBool = 9, kFloat16 = 10, kBFloat16 = 16,
};
enum ErrorCode : int { kOk = 0, kFail = 1, kInvalidArgument = 2, kNoSuchFile = 3, kRuntimeException = 6 };
enum LogLevel : int { kVerbose, kInfo, kWarning, kError, kFatal };
enum OptimizationLevel : int { kDisableAll = 0, kBasic = 1, kExtended = 2, kAll = 99 };
enum AllocatorType : int { kDeviceAllocator = 0, kArenaAllocator = 1 };
enum MemoryType : int { kCpuInput = -2, kCpuOutput = -1, kDefault = 0 };
enum Characteristic : int { kRequired = 0, kOptional = 1, kVariadic = 2 };

using LogFunction = void (*)(void* user, int severity, const char* category, const char* id, const char* location,
                             const char* message);
using UnitFunction = void (*)(void* user, size_t index);

// X(ordinal, since 1.N, name, result, parameters). A null Status* is success; any other is the caller's to release.
#define LONGHAUL_ORT_FUNCTIONS(X)                                                                                      \
  X(0, 1, CreateStatus, Status*, (int code, const char* message))                                                      \
  X(1, 1, GetErrorCode, int, (const Status*))                                                                          \
  X(2, 1, GetErrorMessage, const char*, (const Status*))                                                               \
  X(4, 1, CreateEnvWithCustomLogger, Status*, (LogFunction, void* user, int level, const char* id, Env** out))         \
  X(8, 1, CreateSessionFromArray, Status*, (const Env*, const void* model, size_t bytes, const SessionOptions*,        \
                                            Session** out))                                                            \
  X(9, 1, Run, Status*, (Session*, const RunOptions*, const char* const* input_names, const Value* const* inputs,      \
                         size_t input_count, const char* const* output_names, size_t output_count, Value** outputs))   \
  X(10, 1, CreateSessionOptions, Status*, (SessionOptions** out))                                                      \
  X(17, 1, DisableMemPattern, Status*, (SessionOptions*))                                                              \
  X(23, 1, SetSessionGraphOptimizationLevel, Status*, (SessionOptions*, int level))                                    \
  X(24, 1, SetIntraOpNumThreads, Status*, (SessionOptions*, int threads))                                              \
  X(26, 1, CreateCustomOpDomain, Status*, (const char* name, CustomOpDomain** out))                                    \
  X(27, 1, CustomOpDomain_Add, Status*, (CustomOpDomain*, const CustomOp*))                                            \
  X(28, 1, AddCustomOpDomain, Status*, (SessionOptions*, CustomOpDomain*))                                             \
  X(30, 1, SessionGetInputCount, Status*, (const Session*, size_t* out))                                               \
  X(31, 1, SessionGetOutputCount, Status*, (const Session*, size_t* out))                                              \
  X(34, 1, SessionGetOutputTypeInfo, Status*, (const Session*, size_t index, TypeInfo** out))                          \
  X(36, 1, SessionGetInputName, Status*, (const Session*, size_t index, Allocator*, char** out))                       \
  X(37, 1, SessionGetOutputName, Status*, (const Session*, size_t index, Allocator*, char** out))                      \
  X(39, 1, CreateRunOptions, Status*, (RunOptions** out))                                                              \
  X(46, 1, RunOptionsSetTerminate, Status*, (RunOptions*))                                                             \
  X(47, 1, RunOptionsUnsetTerminate, Status*, (RunOptions*))                                                           \
  X(49, 1, CreateTensorWithDataAsOrtValue, Status*, (const MemoryInfo*, void* data, size_t bytes, const int64_t* dims, \
                                                     size_t rank, int type, Value** out))                              \
  X(51, 1, GetTensorMutableData, Status*, (Value*, void** out))                                                        \
  X(55, 1, CastTypeInfoToTensorInfo, Status*, (const TypeInfo*, const TensorInfo** out))                               \
  X(61, 1, GetDimensionsCount, Status*, (const TensorInfo*, size_t* out))                                              \
  X(62, 1, GetDimensions, Status*, (const TensorInfo*, int64_t* dims, size_t count))                                   \
  X(69, 1, CreateCpuMemoryInfo, Status*, (int allocator_type, int memory_type, MemoryInfo** out))                      \
  X(76, 1, AllocatorFree, Status*, (Allocator*, void*))                                                                \
  X(78, 1, GetAllocatorWithDefaultOptions, Status*, (Allocator** out))                                                 \
  X(85, 1, KernelInfoGetAttribute_float, Status*, (const KernelInfo*, const char* name, float* out))                   \
  X(86, 1, KernelInfoGetAttribute_int64, Status*, (const KernelInfo*, const char* name, int64_t* out))                 \
  X(88, 1, KernelContext_GetInputCount, Status*, (const KernelContext*, size_t* out))                                  \
  X(89, 1, KernelContext_GetOutputCount, Status*, (const KernelContext*, size_t* out))                                 \
  X(90, 1, KernelContext_GetInput, Status*, (const KernelContext*, size_t index, const Value** out))                   \
  X(91, 1, KernelContext_GetOutput, Status*, (KernelContext*, size_t index, const int64_t* dims, size_t rank,          \
                                              Value** out))                                                            \
  X(93, 1, ReleaseStatus, void, (Status*))                                                                             \
  X(95, 1, ReleaseSession, void, (Session*))                                                                           \
  X(96, 1, ReleaseValue, void, (Value*))                                                                               \
  X(97, 1, ReleaseRunOptions, void, (RunOptions*))                                                                     \
  X(98, 1, ReleaseTypeInfo, void, (TypeInfo*))                                                                         \
  X(100, 1, ReleaseSessionOptions, void, (SessionOptions*))                                                            \
  X(125, 4, GetAvailableProviders, Status*, (char*** out, int* count))                                                 \
  X(126, 4, ReleaseAvailableProviders, Status*, (char** list, int count))                                              \
  X(130, 5, AddSessionConfigEntry, Status*, (SessionOptions*, const char* key, const char* value))                     \
  X(274, 17, KernelContext_ParallelFor, Status*, (const KernelContext*, UnitFunction, size_t total, size_t batches,    \
                                                  void* user))                                                         \
  X(293, 22, SessionOptionsSetLoadCancellationFlag, Status*, (SessionOptions*, bool cancel))                           \
  X(378, 23, GetTensorData, Status*, (const Value*, const void** out))                                                 \
  X(414, 24, GetTensorElementTypeAndShapeDataReference, Status*, (const Value*, int* type, const int64_t** dims,       \
                                                                  size_t* rank))

// The lowest API version that has every function above: any library of this release or a later one will do. A
// CustomOp declares the same number, which tells the library which of its members exist.
constexpr uint32_t kApiVersion = 24;

struct ApiBase {
  const void* const* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

struct Api {
#define X(ordinal, since, name, result, parameters)                       \
  static_assert(since <= kApiVersion, #name " is newer than kApiVersion"); \
  result(*name) parameters = nullptr;
  LONGHAUL_ORT_FUNCTIONS(X)
#undef X
};

// A C struct of callbacks (layout of release 1.18, unchanged since). ONNX Runtime keeps the pointer: the object must
// outlive every session. Those marked * are called without a null check.
struct CustomOp {
  uint32_t version = kApiVersion;
  void* (*CreateKernel)(const CustomOp*, const void* api, const KernelInfo*) = nullptr;
  const char* (*GetName)(const CustomOp*) = nullptr;                            // *
  const char* (*GetExecutionProviderType)(const CustomOp*) = nullptr;           // * null result: CPU
  ElementType (*GetInputType)(const CustomOp*, size_t index) = nullptr;         // *
  size_t (*GetInputTypeCount)(const CustomOp*) = nullptr;                       // *
  ElementType (*GetOutputType)(const CustomOp*, size_t index) = nullptr;        // *
  size_t (*GetOutputTypeCount)(const CustomOp*) = nullptr;                      // *
  void (*KernelCompute)(void* kernel, KernelContext*) = nullptr;
  void (*KernelDestroy)(void* kernel) = nullptr;                                // *
  Characteristic (*GetInputCharacteristic)(const CustomOp*, size_t) = nullptr;  // *
  Characteristic (*GetOutputCharacteristic)(const CustomOp*, size_t) = nullptr; // *
  MemoryType (*GetInputMemoryType)(const CustomOp*, size_t index) = nullptr;    // *
  int (*GetVariadicInputMinArity)(const CustomOp*) = nullptr;
  int (*GetVariadicInputHomogeneity)(const CustomOp*) = nullptr;
  int (*GetVariadicOutputMinArity)(const CustomOp*) = nullptr;
  int (*GetVariadicOutputHomogeneity)(const CustomOp*) = nullptr;
  Status* (*CreateKernelV2)(const CustomOp*, const void* api, const KernelInfo*, void** kernel) = nullptr;
  Status* (*KernelComputeV2)(void* kernel, KernelContext*) = nullptr;
  Status* (*InferOutputShapeFn)(const CustomOp*, ShapeInferContext*) = nullptr;
  int (*GetStartVersion)(const CustomOp*) = nullptr;
  int (*GetEndVersion)(const CustomOp*) = nullptr;
  size_t (*GetMayInplace)(int** inputs, int** outputs) = nullptr;
  void (*ReleaseMayInplace)(int* inputs, int* outputs) = nullptr;
  size_t (*GetAliasMap)(int** inputs, int** outputs) = nullptr;
  void (*ReleaseAliasMap)(int* inputs, int* outputs) = nullptr;
};
static_assert(sizeof(CustomOp) == 26 * sizeof(void*), "OrtCustomOp is a version and 25 pointers");

}  // namespace longhaul::ort
