// Instruction sets that kernels need, and those that this processor and operating system run together.
#pragma once

#include <cstdint>
#include <initializer_list>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace longhaul::cpu {

enum class Feature : uint8_t {
  kAvx2,
  kFma,
  kF16c,
  kAvxVnni,
  kAvx512F,
  kAvx512Bw,
  kAvx512Dq,
  kAvx512Vl,
  kAvx512Vnni,
  kAvx512Bf16,
  kAvx512Fp16,
};

constexpr const char* kFeatureNames[] = {"avx2",     "fma",      "f16c",       "avxvnni",    "avx512f",   "avx512bw",
                                         "avx512dq", "avx512vl", "avx512vnni", "avx512bf16", "avx512fp16"};

/** A set of instruction sets. */
class Features {
 public:
  constexpr Features() = default;
  constexpr Features(std::initializer_list<Feature> list) {
    for (const Feature feature : list) add(feature);
  }
  constexpr void add(Feature feature) { bits_ |= uint32_t{1} << static_cast<int>(feature); }
  constexpr bool has(Feature feature) const { return (bits_ >> static_cast<int>(feature)) & 1; }
  constexpr bool contains(Features other) const { return (other.bits_ & ~bits_) == 0; }
  constexpr Features operator|(Features other) const {
    Features both = *this;
    both.bits_ |= other.bits_;
    return both;
  }

 private:
  uint32_t bits_ = 0;
};

/** What kernels of these families are compiled with. */
constexpr Features kNeedsAvx2{Feature::kAvx2, Feature::kFma, Feature::kF16c};
constexpr Features kNeedsAvx512 =
    kNeedsAvx2 | Features{Feature::kAvx512F, Feature::kAvx512Bw, Feature::kAvx512Dq, Feature::kAvx512Vl};

#if defined(__x86_64__) && !defined(LONGHAUL_EMULATE_AVX512)

/** Register state that the operating system saves: the XCR0 register, or 0 where it saves none of its own accord. */
inline uint64_t saved_state() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & (1u << 27)) == 0) return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

inline Features detect() {
  constexpr uint64_t kYmmState = 0x06, kZmmState = 0xe6;
  Features found;
  const uint64_t state = saved_state();
  unsigned a = 0, b = 0, c = 0, d = 0;
  if ((state & kYmmState) != kYmmState || __get_cpuid(1, &a, &b, &c, &d) == 0) return found;
  const auto note = [&](unsigned word, int bit, Feature feature) {
    if ((word >> bit) & 1) found.add(feature);
  };
  note(c, 12, Feature::kFma);
  note(c, 29, Feature::kF16c);
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return found;
  const unsigned deeper = a;
  const bool zmm = (state & kZmmState) == kZmmState;
  note(b, 5, Feature::kAvx2);
  if (zmm) {
    note(b, 16, Feature::kAvx512F);
    note(b, 17, Feature::kAvx512Dq);
    note(b, 30, Feature::kAvx512Bw);
    note(b, 31, Feature::kAvx512Vl);
    note(c, 11, Feature::kAvx512Vnni);
    note(d, 23, Feature::kAvx512Fp16);
  }
  if (deeper < 1 || __get_cpuid_count(7, 1, &a, &b, &c, &d) == 0) return found;
  note(a, 4, Feature::kAvxVnni);
  if (zmm) note(a, 5, Feature::kAvx512Bf16);
  return found;
}

#elif defined(LONGHAUL_EMULATE_AVX512)

// Emulated intrinsics run anywhere; what is not emulated is compiled for the machine that tests.
inline Features detect() {
  Features all;
  for (int i = 0; i < static_cast<int>(sizeof kFeatureNames / sizeof *kFeatureNames); ++i) all.add(Feature(i));
  return all;
}

#else

inline Features detect() { return {}; }

#endif

/** What runs here: the processor has it and the operating system saves its registers. */
inline Features host_features() {
  static const Features found = detect();
  return found;
}

}  // namespace longhaul::cpu
