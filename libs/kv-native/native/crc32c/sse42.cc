#include "crc32c.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

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
  size_t bytes;  // per lane, a multiple of 8
  uint64_t over_one;
  uint64_t over_two;
};

Lanes make_lanes(size_t bytes) { return {bytes, power_of_x(8 * bytes - 33), power_of_x(16 * bytes - 33)}; }

LONGHAUL_TARGET inline uint64_t carry(uint64_t state, uint64_t factor) {
  const __m128i product =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(state)), _mm_cvtsi64_si128(static_cast<long long>(factor)), 0);
  return static_cast<uint64_t>(_mm_cvtsi128_si64(product));
}

LONGHAUL_TARGET inline uint64_t extend_lanes(const Lanes& lanes, uint64_t state, const uint8_t* data) {
  uint64_t a = state, b = 0, c = 0;
  const uint8_t* second = data + lanes.bytes;
  const uint8_t* third = second + lanes.bytes;
  for (size_t i = 0; i < lanes.bytes; i += 8) {
    a = _mm_crc32_u64(a, load64(data + i));
    b = _mm_crc32_u64(b, load64(second + i));
    c = _mm_crc32_u64(c, load64(third + i));
  }
  return c ^ _mm_crc32_u64(0, carry(a, lanes.over_two) ^ carry(b, lanes.over_one));
}

LONGHAUL_TARGET uint32_t extend_sse42(uint32_t start, const uint8_t* data, size_t size) {
  static const Lanes kLong = make_lanes(1024);
  static const Lanes kShort = make_lanes(128);
  uint64_t state = start;
  for (; size >= 3 * 1024; data += 3 * 1024, size -= 3 * 1024) state = extend_lanes(kLong, state, data);
  for (; size >= 3 * 128; data += 3 * 128, size -= 3 * 128) state = extend_lanes(kShort, state, data);
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
