// Which kernels run: CPUID decides, tests may override.
#include <atomic>

#include "kernels.h"

namespace longhaul {
namespace {

bool supported(KernelLevel level) {
#ifdef LONGHAUL_EMULATE_AVX512
  return level >= KernelLevel::kScalar;
#elif defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  switch (level) {
    case KernelLevel::kScalar:
      return true;
    case KernelLevel::kAvx2:
      return avx2;
    case KernelLevel::kAvx512:
      return avx512;
    case KernelLevel::kAvx512Bf16:
      return avx512 && __builtin_cpu_supports("avx512bf16");
  }
  return false;
#else
  return level == KernelLevel::kScalar;
#endif
}

std::atomic<KernelLevel>& current_level() {
  static std::atomic<KernelLevel> level{best_kernel_level()};
  return level;
}

}  // namespace

KernelLevel best_kernel_level() {
  for (const KernelLevel level : {KernelLevel::kAvx512Bf16, KernelLevel::kAvx512, KernelLevel::kAvx2}) {
    if (supported(level)) return level;
  }
  return KernelLevel::kScalar;
}

KernelLevel kernel_level() { return current_level().load(std::memory_order_relaxed); }

bool set_kernel_level(KernelLevel level) {
  if (!supported(level)) return false;
  current_level().store(level, std::memory_order_relaxed);
  return true;
}

const char* kernel_level_name(KernelLevel level) {
  switch (level) {
    case KernelLevel::kScalar:
      return "scalar";
    case KernelLevel::kAvx2:
      return "avx2";
    case KernelLevel::kAvx512:
      return "avx512";
    case KernelLevel::kAvx512Bf16:
      return "avx512bf16";
  }
  return "unknown";
}

namespace attention {

const KernelTable& active_kernels(KvDtype dtype) {
  const KernelTable* table = nullptr;
  switch (kernel_level()) {
    case KernelLevel::kAvx512Bf16:
      table = avx512bf16_kernels(dtype);
      break;
    case KernelLevel::kAvx512:
      table = avx512_kernels(dtype);
      break;
    case KernelLevel::kAvx2:
      table = avx2_kernels(dtype);
      break;
    case KernelLevel::kScalar:
      break;
  }
  return table != nullptr ? *table : *scalar_kernels(dtype);
}

}  // namespace attention
}  // namespace longhaul
