#include "crc32c.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>
#include <initializer_list>

namespace longhaul::crc32c {
namespace {

#define LONGHAUL_TARGET __attribute__((target("sse4.2,pclmul")))

uint64_t load64(const uint8_t* at) {
  uint64_t word;
  std::memcpy(&word, at, 8);
  return word;
}

// Three lanes hide the instruction's latency of three cycles. A lane's register is carried over the lanes behind it by
// one carry-less multiplication: crc32_u64(0, a * b) is a * b * x^33, so b is x^(bits - 33).
struct Lanes {
  size_t bytes;  // per lane, a multiple of a cache line
  uint64_t over_one;
  uint64_t over_two;
};

Lanes make_lanes(size_t bytes) { return {bytes, power_of_x(8 * bytes - 33), power_of_x(16 * bytes - 33)}; }

LONGHAUL_TARGET inline uint64_t carry(uint64_t state, uint64_t factor) {
  const __m128i product =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(state)), _mm_cvtsi64_si128(static_cast<long long>(factor)), 0);
  return static_cast<uint64_t>(_mm_cvtsi128_si64(product));
}

constexpr size_t kLine = 64;

/**
 * With kAhead the lines of the next three lanes are fetched meanwhile: the processor's own prefetcher follows one lane
 * well and stops at every page, so that data from memory comes at half the speed without.
 */
template <bool kAhead>
LONGHAUL_TARGET inline uint64_t extend_lanes(const Lanes& lanes, uint64_t state, const uint8_t* data) {
  uint64_t a = state, b = 0, c = 0;
  const uint8_t* second = data + lanes.bytes;
  const uint8_t* third = second + lanes.bytes;
  for (size_t line = 0; line < lanes.bytes; line += kLine) {
    if constexpr (kAhead) {
      for (const uint8_t* lane : {data, second, third}) __builtin_prefetch(lane + 3 * lanes.bytes + line);
    }
#pragma GCC unroll 8
    for (size_t i = line; i < line + kLine; i += 8) {
      a = _mm_crc32_u64(a, load64(data + i));
      b = _mm_crc32_u64(b, load64(second + i));
      c = _mm_crc32_u64(c, load64(third + i));
    }
  }
  return c ^ _mm_crc32_u64(0, carry(a, lanes.over_two) ^ carry(b, lanes.over_one));
}

template <bool kAhead>
LONGHAUL_TARGET inline uint64_t extend_all(const Lanes& lanes, uint64_t state, const uint8_t*& data, size_t& size) {
  for (; size >= 3 * lanes.bytes; data += 3 * lanes.bytes, size -= 3 * lanes.bytes) {
    state = extend_lanes<kAhead>(lanes, state, data);
  }
  return state;
}

LONGHAUL_TARGET uint32_t extend_sse42(uint32_t start, const uint8_t* data, size_t size) {
  static const Lanes kPages = make_lanes(4096);
  static const Lanes kLong = make_lanes(1024);
  static const Lanes kShort = make_lanes(128);
  uint64_t state = start;
  state = extend_all<true>(kPages, state, data, size);
  state = extend_all<false>(kLong, state, data, size);
  state = extend_all<false>(kShort, state, data, size);
  for (; size >= 8; data += 8, size -= 8) state = _mm_crc32_u64(state, load64(data));
  for (; size > 0; data++, size--) state = _mm_crc32_u8(static_cast<uint32_t>(state), *data);
  return static_cast<uint32_t>(state);
}

#undef LONGHAUL_TARGET

}  // namespace

Kernel hardware_kernel_x86() {
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") ? extend_sse42 : nullptr;
}

}  // namespace longhaul::crc32c

#else

namespace longhaul::crc32c {

Kernel hardware_kernel_x86() { return nullptr; }

}  // namespace longhaul::crc32c

#endif
