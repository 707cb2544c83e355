#include "limits.h"

#if !defined(__x86_64__)
#error "the limits are measured with x86-64 instructions"
#endif

#pragma GCC target("avx2,clflushopt")
#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "cpu/tiles.h"

namespace longhaul::bench {
namespace {

constexpr int kLoops = 300'000;
constexpr int kChains = 12;
constexpr int kTries = 3;
constexpr size_t kLine = 64;
/** How far ahead of a reader memory is asked for. */
constexpr size_t kAheadBytes = 4096;

#define LONGHAUL_TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define LONGHAUL_CLOBBERS                                                                                             \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", \
      "xmm14", "xmm15"
// Twelve chains: more than the latency of an instruction times the instructions a cycle, on every processor so far.
#define LONGHAUL_LOOP(X)                             \
  for (int i = 0; i < kLoops; ++i) {                 \
    asm volatile(LONGHAUL_TWELVE(X)::: LONGHAUL_CLOBBERS); \
  }

#define LONGHAUL_CLEAR_512(n) "vpxorq %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n\t"
#define LONGHAUL_CLEAR_256(n) "vpxor %%ymm" #n ", %%ymm" #n ", %%ymm" #n "\n\t"
#define LONGHAUL_CLEAR(CLEAR) asm volatile(LONGHAUL_TWELVE(CLEAR) CLEAR(12) CLEAR(13) ::: LONGHAUL_CLOBBERS)

#define LONGHAUL_FMA_512(n) "vfmadd231ps %%zmm12, %%zmm13, %%zmm" #n "\n\t"
#define LONGHAUL_FMA_256(n) "vfmadd231ps %%ymm12, %%ymm13, %%ymm" #n "\n\t"
#define LONGHAUL_BF16_512(n) "vdpbf16ps %%zmm12, %%zmm13, %%zmm" #n "\n\t"
#define LONGHAUL_VNNI_512(n) "vpdpbusd %%zmm12, %%zmm13, %%zmm" #n "\n\t"
#define LONGHAUL_VNNI_256(n) "%{vex%} vpdpbusd %%ymm12, %%ymm13, %%ymm" #n "\n\t"
// What stands for the byte dot product without it.
#define LONGHAUL_MADD_512(n) \
  "vpmaddubsw %%zmm12, %%zmm13, %%zmm14\n\tvpmaddwd %%zmm14, %%zmm12, %%zmm14\n\tvpaddd %%zmm14, %%zmm" #n ", %%zmm" #n "\n\t"
#define LONGHAUL_MADD_256(n) \
  "vpmaddubsw %%ymm12, %%ymm13, %%ymm14\n\tvpmaddwd %%ymm14, %%ymm12, %%ymm14\n\tvpaddd %%ymm14, %%ymm" #n ", %%ymm" #n "\n\t"

void fma_512() { LONGHAUL_CLEAR(LONGHAUL_CLEAR_512); LONGHAUL_LOOP(LONGHAUL_FMA_512) }
void fma_256() { LONGHAUL_CLEAR(LONGHAUL_CLEAR_256); LONGHAUL_LOOP(LONGHAUL_FMA_256) }
void bf16_512() { LONGHAUL_CLEAR(LONGHAUL_CLEAR_512); LONGHAUL_LOOP(LONGHAUL_BF16_512) }
void vnni_512() { LONGHAUL_CLEAR(LONGHAUL_CLEAR_512); LONGHAUL_LOOP(LONGHAUL_VNNI_512) }
void vnni_256() { LONGHAUL_CLEAR(LONGHAUL_CLEAR_256); LONGHAUL_LOOP(LONGHAUL_VNNI_256) }
void madd_512() { LONGHAUL_CLEAR(LONGHAUL_CLEAR_512); LONGHAUL_LOOP(LONGHAUL_MADD_512) }
void madd_256() { LONGHAUL_CLEAR(LONGHAUL_CLEAR_256); LONGHAUL_LOOP(LONGHAUL_MADD_256) }

/** A product of tiles takes as long as many of the other instructions: so much less of them is enough. */
constexpr int kTileShare = 8;

/** Multiplies on four chains of sums. */
template <class Multiply> void multiply_tiles(Multiply multiply) {
  constexpr cpu::TileShape kFull{16, 64};
  const cpu::TileWork work(cpu::TileConfig({kFull, kFull, kFull, kFull, kFull, kFull, kFull, kFull}));
  for (int i = 0; i < kLoops / kTileShare; ++i) {
    for (int three = 0; three < kChains / 4; ++three) multiply();
  }
}

void integer_tiles() {
  multiply_tiles([] {
    cpu::dot_signed<0, 4, 6>(), cpu::dot_signed<1, 4, 6>(), cpu::dot_signed<2, 4, 6>(), cpu::dot_signed<3, 4, 6>();
  });
}

void bf16_tiles() {
  multiply_tiles([] { cpu::dot_bf16<0, 4, 6>(), cpu::dot_bf16<1, 4, 6>(), cpu::dot_bf16<2, 4, 6>(), cpu::dot_bf16<3, 4, 6>(); });
}

/** One way to do a kind of arithmetic: `operations` of each of the twelve steps of a loop. */
struct Loop {
  const char* name;
  void (*run)();
  double operations;
};

constexpr Loop kFma512{"vfmadd231ps zmm", fma_512, 32}, kFma256{"vfmadd231ps ymm", fma_256, 16};
constexpr Loop kBf16512{"vdpbf16ps zmm", bf16_512, 64};
constexpr Loop kVnni512{"vpdpbusd zmm", vnni_512, 128}, kVnni256{"vpdpbusd ymm", vnni_256, 64};
constexpr Loop kIntegerTiles{"tdpbssd 16x16x64", integer_tiles, 2.0 * 16 * 16 * 64 / kTileShare};
constexpr Loop kBf16Tiles{"tdpbf16ps 16x16x32", bf16_tiles, 2.0 * 16 * 16 * 32 / kTileShare};
constexpr Loop kMadd512{"vpmaddubsw + vpmaddwd + vpaddd zmm", madd_512, 128};
constexpr Loop kMadd256{"vpmaddubsw + vpmaddwd + vpaddd ymm", madd_256, 64};

const Loop& loop_of(Arithmetic arithmetic, const Machine& machine) {
  const bool wide = machine.has_avx512();
  switch (arithmetic) {
    case Arithmetic::kFma:
      return wide ? kFma512 : kFma256;
    case Arithmetic::kBf16Dot:
      return kBf16512;
    case Arithmetic::kIntegerDot:
      if (wide) return machine.features.has(cpu::Feature::kAvx512Vnni) ? kVnni512 : kMadd512;
      return machine.features.has(cpu::Feature::kAvxVnni) ? kVnni256 : kMadd256;
    case Arithmetic::kIntegerTile:
      return kIntegerTiles;
    case Arithmetic::kBf16Tile:
      return kBf16Tiles;
  }
  return kFma256;
}

/** Reads `bytes` from `part` on in kStreams streams side by side; returns something that depends on all of it. */
template <size_t kStreams> uint64_t read_streams(const std::byte* part, size_t bytes) {
  const size_t share = bytes / kStreams / kLine * kLine;
  __m256i all = _mm256_setzero_si256();
  for (size_t at = 0; at < share; at += kLine) {
    for (size_t stream = 0; stream < kStreams; ++stream) {
      const std::byte* line = part + stream * share + at;
      _mm_prefetch(reinterpret_cast<const char*>(line) + kAheadBytes, _MM_HINT_T0);
      const __m256i low = _mm256_load_si256(reinterpret_cast<const __m256i*>(line));
      all = _mm256_or_si256(all, _mm256_or_si256(low, _mm256_load_si256(reinterpret_cast<const __m256i*>(line + 32))));
    }
  }
  return static_cast<uint64_t>(_mm256_extract_epi64(all, 0) | _mm256_extract_epi64(all, 3));
}

using Reader = uint64_t (*)(const std::byte*, size_t);
constexpr Reader kReaders[] = {read_streams<1>, read_streams<2>, read_streams<4>, read_streams<8>};

/** Bytes of one thread's share, whole lines. */
size_t share_of(std::span<const std::byte> memory, const SpinPool& pool) {
  return memory.size() / static_cast<size_t>(pool.threads()) / kLine * kLine;
}

}  // namespace

const char* arithmetic_name(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kFma:
      return "f32 FMA";
    case Arithmetic::kBf16Dot:
      return "bf16 dot";
    case Arithmetic::kBf16Tile:
      return "bf16 tile";
    case Arithmetic::kIntegerDot:
      return "integer dot";
    case Arithmetic::kIntegerTile:
      return "integer tile";
  }
  return "unknown";
}

const char* instructions(Arithmetic arithmetic, const Machine& machine) { return loop_of(arithmetic, machine).name; }

double measure_arithmetic(Arithmetic arithmetic, const Machine& machine, SpinPool& pool) {
  const Loop& loop = loop_of(arithmetic, machine);
  double best = 1e9;
  for (int i = 0; i < kTries; ++i) {
    const double start = pool.now();
    pool.each(static_cast<size_t>(pool.threads()), [&](size_t) { loop.run(); });
    best = std::min(best, pool.now() - start);
  }
  return loop.operations * kChains * kLoops * pool.threads() / best;
}

double measure_reading(std::span<const std::byte> memory, SpinPool& pool) {
  const size_t share = share_of(memory, pool);
  double best = 1e9;
  for (const Reader reader : kReaders) {
    evict(memory, pool);
    std::atomic<uint64_t> sink{0};
    const double start = pool.now();
    pool.each(static_cast<size_t>(pool.threads()), [&](size_t i) { sink |= reader(memory.data() + i * share, share); });
    best = std::min(best, pool.now() - start);
  }
  return static_cast<double>(share) * pool.threads() / best;
}

void evict(std::span<const std::byte> memory, SpinPool& pool) {
  const size_t share = share_of(memory, pool);
  pool.each(static_cast<size_t>(pool.threads()), [&](size_t i) {
    const std::byte* part = memory.data() + i * share;
    for (size_t at = 0; at < share; at += kLine) _mm_clflushopt(const_cast<std::byte*>(part + at));
    _mm_mfence();
  });
}

}  // namespace longhaul::bench
