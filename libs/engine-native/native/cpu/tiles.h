// The eight tile registers of AMX, each up to 16 rows of 64 bytes, and the products of bytes and of bf16 on them.
//
// Written as instructions of our own: the intrinsics of GCC 12 do not say that a tile load reads memory, so stores before
// it may be moved behind it. Nothing needs compiler flags; who calls this has made sure that host_features() has kAmxTile
// and the feature of the products it uses.
//
// LONGHAUL_EMULATE_AVX512 (tests only) replaces the instructions by plain loops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace longhaul::cpu {

struct TileShape {
  /** 0..16 */
  uint8_t rows = 0;
  /** Of a row, 0..64. */
  uint8_t bytes = 0;
};

/** What the processor reads: the shapes of the eight tiles, 0 x 0 for those that are not used. */
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  constexpr TileConfig() = default;
  constexpr explicit TileConfig(const TileShape (&shapes)[8]) {
    for (int i = 0; i < 8; ++i) row_bytes[i] = shapes[i].bytes, rows[i] = shapes[i].rows;
  }
};
static_assert(sizeof(TileConfig) == 64);

#ifndef LONGHAUL_EMULATE_AVX512

inline void configure_tiles(const TileConfig& config) { asm volatile("ldtilecfg %0" : : "m"(config)); }
inline void release_tiles() { asm volatile("tilerelease"); }

template <int kTile>
inline void clear_tile() {
  asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
}

/** Rows `stride` bytes apart. */
template <int kTile>
inline void load_tile(const void* from, ptrdiff_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kTile) : "memory");
}

template <int kTile>
inline void store_tile(void* to, ptrdiff_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(kTile) : "memory");
}

/**
 * sums[m][n] += a[m][4k + i] b[k][4n + i] over all k and i < 4: `b` has its inputs in quads, as vpdpbusd wants them.
 * Both are signed bytes; exact in int32.
 */
template <int kSums, int kA, int kB>
inline void dot_signed() {
  asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB));
}
/** The same with unsigned bytes in `a`. */
template <int kSums, int kA, int kB>
inline void dot_unsigned_signed() {
  asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB));
}
/** The same with unsigned bytes in `b`. */
template <int kSums, int kA, int kB>
inline void dot_signed_unsigned() {
  asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB));
}
/** sums[m][n] += a[m][2k + i] b[k][2n + i] over all k and i < 2 in bf16, sums in f32; needs kAmxBf16. */
template <int kSums, int kA, int kB>
inline void dot_bf16() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB));
}

#else

struct EmulatedTiles {
  TileConfig config;
  uint8_t data[8][16][64] = {};
};
inline EmulatedTiles& emulated_tiles() {
  static thread_local EmulatedTiles tiles;
  return tiles;
}

inline void configure_tiles(const TileConfig& config) {
  emulated_tiles() = {};
  emulated_tiles().config = config;
}
inline void release_tiles() { emulated_tiles() = {}; }

template <int kTile>
inline void clear_tile() {
  std::memset(emulated_tiles().data[kTile], 0, sizeof emulated_tiles().data[kTile]);
}

template <int kTile>
inline void load_tile(const void* from, ptrdiff_t stride) {
  EmulatedTiles& t = emulated_tiles();
  clear_tile<kTile>();
  for (int row = 0; row < t.config.rows[kTile]; ++row)
    std::memcpy(t.data[kTile][row], static_cast<const uint8_t*>(from) + row * stride, t.config.row_bytes[kTile]);
}

template <int kTile>
inline void store_tile(void* to, ptrdiff_t stride) {
  const EmulatedTiles& t = emulated_tiles();
  for (int row = 0; row < t.config.rows[kTile]; ++row)
    std::memcpy(static_cast<uint8_t*>(to) + row * stride, t.data[kTile][row], t.config.row_bytes[kTile]);
}

template <class A, class B, int kSums, int kA, int kB>
inline void emulated_dot() {
  EmulatedTiles& t = emulated_tiles();
  for (int m = 0; m < t.config.rows[kSums]; ++m)
    for (int n = 0; n < t.config.row_bytes[kSums] / 4; ++n) {
      int32_t sum;
      std::memcpy(&sum, t.data[kSums][m] + 4 * n, 4);
      for (int k = 0; k < t.config.row_bytes[kA]; ++k)
        sum += static_cast<A>(t.data[kA][m][k]) * static_cast<B>(t.data[kB][k / 4][4 * n + k % 4]);
      std::memcpy(t.data[kSums][m] + 4 * n, &sum, 4);
    }
}
template <int kSums, int kA, int kB>
inline void dot_signed() {
  emulated_dot<int8_t, int8_t, kSums, kA, kB>();
}
template <int kSums, int kA, int kB>
inline void dot_unsigned_signed() {
  emulated_dot<uint8_t, int8_t, kSums, kA, kB>();
}
template <int kSums, int kA, int kB>
inline void dot_signed_unsigned() {
  emulated_dot<int8_t, uint8_t, kSums, kA, kB>();
}
template <int kSums, int kA, int kB>
inline void dot_bf16() {
  EmulatedTiles& t = emulated_tiles();
  const auto value = [](const uint8_t* at) {
    uint32_t bits = static_cast<uint32_t>(at[0]) << 16 | static_cast<uint32_t>(at[1]) << 24;
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
  };
  for (int m = 0; m < t.config.rows[kSums]; ++m)
    for (int n = 0; n < t.config.row_bytes[kSums] / 4; ++n) {
      float sums[2] = {}, sum;
      for (int k = 0; k < t.config.row_bytes[kA] / 2; ++k)
        sums[k % 2] += value(t.data[kA][m] + 2 * k) * value(t.data[kB][k / 2] + 4 * n + 2 * (k % 2));
      std::memcpy(&sum, t.data[kSums][m] + 4 * n, 4);
      sum += sums[0] + sums[1];
      std::memcpy(t.data[kSums][m] + 4 * n, &sum, 4);
    }
}

#endif

/**
 * Tiles of these shapes for one piece of work of a thread, some microseconds or more. They are released at its end, so
 * that a thread that waits, or computes without them, has no tile state: the operating system then saves none when it
 * switches threads or delivers a signal, and the processor may sleep more deeply.
 */
class TileWork {
 public:
  explicit TileWork(const TileConfig& config) { configure_tiles(config); }
  ~TileWork() { release_tiles(); }
  TileWork(const TileWork&) = delete;
  TileWork& operator=(const TileWork&) = delete;
};

}  // namespace longhaul::cpu
