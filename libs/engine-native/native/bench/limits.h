// What this machine can do at most: arithmetic by kind of instruction, and reading from memory. x86-64 with AVX2.
#pragma once

#include <cstddef>
#include <span>

#include "cpu/features.h"
#include "pool.h"

namespace longhaul::bench {

/** Instructions that a kernel's arithmetic is made of; each has a limit of its own. */
enum class Arithmetic { kFma, kBf16Dot, kBf16Tile, kIntegerDot, kIntegerTile };
constexpr Arithmetic kArithmetics[] = {Arithmetic::kFma, Arithmetic::kBf16Dot, Arithmetic::kBf16Tile, Arithmetic::kIntegerDot,
                                       Arithmetic::kIntegerTile};

/** What kernels and limits may use: what the processor has, or less to stand in for a smaller one. */
struct Machine {
  cpu::Features features;

  bool has_avx512() const { return features.contains(cpu::kNeedsAvx512); }
  /** Whether there is an instruction of that kind at all; for f32 and integers there always is. */
  bool has(Arithmetic arithmetic) const {
    if (arithmetic == Arithmetic::kBf16Dot) return features.contains(cpu::kNeedsAvx512 | cpu::Features{cpu::Feature::kAvx512Bf16});
    if (arithmetic == Arithmetic::kBf16Tile) return features.contains({cpu::Feature::kAmxTile, cpu::Feature::kAmxBf16});
    return arithmetic != Arithmetic::kIntegerTile || features.contains({cpu::Feature::kAmxTile, cpu::Feature::kAmxInt8});
  }
};

/** "f32 FMA", "bf16 dot", "bf16 tile", "integer dot" or "integer tile". */
const char* arithmetic_name(Arithmetic arithmetic);

/** The widest instructions of a kind that `machine` has: "vpdpbusd zmm", "vpmaddubsw + vpmaddwd + vpaddd ymm"... */
const char* instructions(Arithmetic arithmetic, const Machine& machine);

/**
 * Operations per second (a multiply-add is two) of all threads together, the best of some tries of a few milliseconds.
 * Nothing but the arithmetic is in the loop: registers only, with enough independent chains to hide its latency.
 */
double measure_arithmetic(Arithmetic arithmetic, const Machine& machine, SpinPool& pool);

/**
 * Bytes per second that all threads together read of `memory`, once from end to end after it was evicted from the
 * caches; with as many streams a thread as read fastest.
 */
double measure_reading(std::span<const std::byte> memory, SpinPool& pool);

/** Takes the lines of `memory` out of every cache, so that the next reader gets them from DRAM. */
void evict(std::span<const std::byte> memory, SpinPool& pool);

}  // namespace longhaul::bench
