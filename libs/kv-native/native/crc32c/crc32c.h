#pragma once

#include <cstddef>
#include <cstdint>

namespace longhaul::crc32c {

// A kernel continues the raw register `state` (complemented CRC) over `size` bytes of any alignment.
using Kernel = uint32_t (*)(uint32_t state, const uint8_t* data, size_t size);

// The reference: eight table look-ups per eight bytes. Runs everywhere.
uint32_t extend_table(uint32_t state, const uint8_t* data, size_t size);

// The kernel for this processor's CRC instructions, or null where it has none (or the build has no such kernel).
Kernel hardware_kernel_x86();
Kernel hardware_kernel_arm64();

// CRC32C of data, continued from `seed`, the CRC of what came before (0 at the start).
uint32_t crc32c(const uint8_t* data, size_t size, uint32_t seed);
uint32_t crc32c_table(const uint8_t* data, size_t size, uint32_t seed);

// The CRC of A followed by B, from the CRCs of both and the length of B in bytes.
uint32_t combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b);

// "sse42", "arm64" or "table".
const char* kernel_name();

// Polynomials over GF(2) modulo Castagnoli's, bit 31 = x^0.
uint32_t multiply(uint32_t a, uint32_t b);
uint32_t power_of_x(uint64_t exponent);

}  // namespace longhaul::crc32c
