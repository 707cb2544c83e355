#include "crc32c.h"

namespace longhaul::crc32c {
namespace {

struct Choice {
  Kernel kernel;
  const char* name;
};

Choice choose() {
  if (const Kernel kernel = hardware_kernel_x86()) return {kernel, "sse42"};
  if (const Kernel kernel = hardware_kernel_arm64()) return {kernel, "arm64"};
  return {extend_table, "table"};
}

const Choice& chosen() {
  static const Choice choice = choose();
  return choice;
}

}  // namespace

uint32_t crc32c(const uint8_t* data, size_t size, uint32_t seed) { return ~chosen().kernel(~seed, data, size); }

uint32_t crc32c_table(const uint8_t* data, size_t size, uint32_t seed) { return ~extend_table(~seed, data, size); }

const char* kernel_name() { return chosen().name; }

}  // namespace longhaul::crc32c
