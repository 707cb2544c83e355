// Instruction sets that kernels need, and those that this processor and operating system run together.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "tile_permission.h"

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
  /** Those of AMX: the processor has it and this process may use it. */
  kAmxTile,
  kAmxInt8,
  kAmxBf16,
};

constexpr const char* kFeatureNames[] = {"avx2",     "fma",        "f16c",       "avxvnni",    "avx512f",
                                         "avx512bw", "avx512dq",   "avx512vl",   "avx512vnni", "avx512bf16",
                                         "avx512fp16", "amxtile",  "amxint8",    "amxbf16"};

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
/** Processors with tiles have all of these; one name for all operators. */
constexpr Features kNeedsAmx = kNeedsAvx512 | Features{Feature::kAvx512Vnni, Feature::kAvx512Bf16, Feature::kAmxTile,
                                                       Feature::kAmxInt8, Feature::kAmxBf16};

/** What was found, and what the processor has that cannot be used. */
struct Host {
  Features features;
  /** See TilePermission::problem. */
  std::string tile_problem;
};

#if defined(__x86_64__) && !defined(LONGHAUL_EMULATE_AVX512)

/** Register state that the operating system saves: the XCR0 register, or 0 where it saves none of its own accord. */
inline uint64_t saved_state() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & (1u << 27)) == 0) return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

/** `word` is register edx of leaf 7. */
inline void detect_tiles(unsigned word, uint64_t state, Host& host) {
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24, kInt8 = 1u << 25;
  if ((word & kTile) == 0) return;
  const TilePermission permission = request_tiles(state);
  host.tile_problem = permission.problem;
  if (!permission.granted) return;
  host.features.add(Feature::kAmxTile);
  if (word & kInt8) host.features.add(Feature::kAmxInt8);
  if (word & kBf16) host.features.add(Feature::kAmxBf16);
}

inline Host detect() {
  constexpr uint64_t kYmmState = 0x06, kZmmState = 0xe6;
  Host host;
  Features& found = host.features;
  const uint64_t state = saved_state();
  unsigned a = 0, b = 0, c = 0, d = 0;
  if ((state & kYmmState) != kYmmState || __get_cpuid(1, &a, &b, &c, &d) == 0) return host;
  const auto note = [&](unsigned word, int bit, Feature feature) {
    if ((word >> bit) & 1) found.add(feature);
  };
  note(c, 12, Feature::kFma);
  note(c, 29, Feature::kF16c);
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return host;
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
    detect_tiles(d, state, host);
  }
  if (deeper < 1 || __get_cpuid_count(7, 1, &a, &b, &c, &d) == 0) return host;
  note(a, 4, Feature::kAvxVnni);
  if (zmm) note(a, 5, Feature::kAvx512Bf16);
  return host;
}

#elif defined(LONGHAUL_EMULATE_AVX512)

// Emulated intrinsics run anywhere; what is not emulated is compiled for the machine that tests.
inline Host detect() {
  Host host;
  for (int i = 0; i < static_cast<int>(sizeof kFeatureNames / sizeof *kFeatureNames); ++i) host.features.add(Feature(i));
  return host;
}

#else

inline Host detect() { return {}; }

#endif

/** Looks once; the first call asks the operating system for tile registers where the processor has them. */
inline const Host& host() {
  static const Host found = detect();
  return found;
}

/** What runs here: the processor has it and the operating system saves its registers. */
inline Features host_features() { return host().features; }

}  // namespace longhaul::cpu
