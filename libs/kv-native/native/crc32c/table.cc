#include <array>
#include <bit>
#include <cstring>

#include "crc32c.h"

namespace longhaul::crc32c {
namespace {

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// tables[n][byte]: the byte's effect after n more zero bytes.
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) ? 0x82f63b78u : 0);
    tables[0][byte] = value;
  }
  for (size_t n = 1; n < tables.size(); n++) {
    for (size_t byte = 0; byte < 256; byte++) {
      const uint32_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

uint32_t extend_table(uint32_t state, const uint8_t* data, size_t size) {
  if constexpr (std::endian::native == std::endian::little) {
    for (; size >= 8; data += 8, size -= 8) {
      uint64_t word;
      std::memcpy(&word, data, 8);
      word ^= state;
      state = 0;
      for (int byte = 0; byte < 8; byte++) state ^= kTables[7 - byte][(word >> (8 * byte)) & 0xff];
    }
  }
  for (; size > 0; data++, size--) state = (state >> 8) ^ kTables[0][(state ^ *data) & 0xff];
  return state;
}

}  // namespace longhaul::crc32c
