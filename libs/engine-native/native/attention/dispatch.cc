// Which kernels there are for a KV type. Who measures chooses among them (native/kernels); the order is no ranking.
#include "kernels.h"

namespace longhaul {
namespace attention {
namespace {

using cpu::Feature;
using cpu::Features;
using cpu::kNeedsAmx;
using cpu::kNeedsAvx2;
using cpu::kNeedsAvx512;

#if defined(__x86_64__)
const AttentionCandidate kBf16[] = {
    {"scalar", {}, scalar_kernels(KvDtype::kBf16)},
    {"avx2", kNeedsAvx2, avx2_kernels(KvDtype::kBf16)},
    {"avx512", kNeedsAvx512, avx512_kernels(KvDtype::kBf16)},
    {"avx512bf16", kNeedsAvx512 | Features{Feature::kAvx512Bf16}, avx512bf16_kernels(KvDtype::kBf16)},
    {"amx", kNeedsAmx, amx_bf16_kernels(KvDtype::kBf16)},
};
const AttentionCandidate kF32[] = {
    {"scalar", {}, scalar_kernels(KvDtype::kF32)},
    {"avx2", kNeedsAvx2, avx2_kernels(KvDtype::kF32)},
    {"avx512", kNeedsAvx512, avx512_kernels(KvDtype::kF32)},
};
const AttentionCandidate kInt8[] = {
    {"scalar", {}, scalar_kernels(KvDtype::kInt8)},
    {"avx2", kNeedsAvx2, avx2_kernels(KvDtype::kInt8)},
#ifdef LONGHAUL_HAS_AVX_VNNI
    {"avxvnni", kNeedsAvx2 | Features{Feature::kAvxVnni}, avxvnni_kernels(KvDtype::kInt8)},
#endif
    {"avx512vnni", kNeedsAvx512 | Features{Feature::kAvx512Vnni}, avx512vnni_kernels(KvDtype::kInt8)},
    {"amx", kNeedsAmx, amx_kernels(KvDtype::kInt8)},
};
#else
const AttentionCandidate kBf16[] = {{"scalar", {}, scalar_kernels(KvDtype::kBf16)}};
const AttentionCandidate kInt8[] = {{"scalar", {}, scalar_kernels(KvDtype::kInt8)}};
const AttentionCandidate kF32[] = {{"scalar", {}, scalar_kernels(KvDtype::kF32)}};
#endif

}  // namespace
}  // namespace attention

std::span<const AttentionCandidate> attention_candidates(KvDtype dtype) {
  switch (dtype) {
    case KvDtype::kBf16:
      return attention::kBf16;
    case KvDtype::kF32:
      return attention::kF32;
    case KvDtype::kInt8:
      return attention::kInt8;
  }
  return {};
}

}  // namespace longhaul
