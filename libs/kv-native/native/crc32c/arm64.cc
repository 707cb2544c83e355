#include "crc32c.h"

#if defined(__aarch64__)

#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <cstring>

namespace longhaul::crc32c {
namespace {

#define LONGHAUL_TARGET __attribute__((target("+crc")))

constexpr size_t kLane = 4096;

LONGHAUL_TARGET inline uint32_t step64(uint32_t state, const uint8_t* at) {
  uint64_t word;
  std::memcpy(&word, at, 8);
  asm("crc32cx %w0, %w0, %x1" : "+r"(state) : "r"(word));
  return state;
}

LONGHAUL_TARGET inline uint32_t step8(uint32_t state, uint8_t byte) {
  asm("crc32cb %w0, %w0, %w1" : "+r"(state) : "r"(static_cast<uint32_t>(byte)));
  return state;
}

// Three lanes hide the instruction's latency; lanes are long, so that joining them by plain arithmetic costs little.
LONGHAUL_TARGET uint32_t extend_arm64(uint32_t state, const uint8_t* data, size_t size) {
  static const uint32_t over_one = power_of_x(8 * kLane);
  static const uint32_t over_two = power_of_x(16 * kLane);
  for (; size >= 3 * kLane; data += 3 * kLane, size -= 3 * kLane) {
    uint32_t a = state, b = 0, c = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      a = step64(a, data + i);
      b = step64(b, data + kLane + i);
      c = step64(c, data + 2 * kLane + i);
    }
    state = multiply(a, over_two) ^ multiply(b, over_one) ^ c;
  }
  for (; size >= 8; data += 8, size -= 8) state = step64(state, data);
  for (; size > 0; data++, size--) state = step8(state, *data);
  return state;
}

#undef LONGHAUL_TARGET

bool has_crc() {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#else
  return true;
#endif
}

}  // namespace

Kernel hardware_kernel_arm64() { return has_crc() ? extend_arm64 : nullptr; }

}  // namespace longhaul::crc32c

#else

namespace longhaul::crc32c {

Kernel hardware_kernel_arm64() { return nullptr; }

}  // namespace longhaul::crc32c

#endif
