// Every kernel against the table version and published vectors. Exits 1 at the first difference.
#include "../crc32c.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

using namespace longhaul::crc32c;

static void expect(uint32_t got, uint32_t want, const char* what, size_t detail) {
  if (got == want) return;
  std::fprintf(stderr, "%s (%zu): got %08x, want %08x\n", what, detail, got, want);
  std::exit(1);
}

int main() {
  const auto* digits = reinterpret_cast<const uint8_t*>("123456789");
  const std::vector<uint8_t> zeros(32, 0);
  expect(crc32c(digits, 9, 0), 0xe3069283u, "digits", 9);
  expect(crc32c_table(digits, 9, 0), 0xe3069283u, "digits by table", 9);
  expect(crc32c(zeros.data(), 32, 0), 0x8a9136aau, "zeros", 32);
  expect(crc32c_table(zeros.data(), 32, 0), 0x8a9136aau, "zeros by table", 32);

  std::mt19937 random(7);
  std::vector<uint8_t> bytes(40000);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
  for (size_t length = 0; length < 3500; length++) {
    const size_t align = length % 16;
    const uint32_t seed = random();
    expect(crc32c(bytes.data() + align, length, seed), crc32c_table(bytes.data() + align, length, seed), "length", length);
  }
  for (size_t align = 0; align < 64; align++) {
    for (size_t length : {size_t{1}, size_t{383}, size_t{384}, size_t{3071}, size_t{3072}, size_t{12287}, size_t{12288}, size_t{24577}, size_t{39000}}) {
      const uint32_t want = crc32c_table(bytes.data() + align, length, 5);
      expect(crc32c(bytes.data() + align, length, 5), want, "alignment", align);
    }
  }
  for (size_t cut = 0; cut < 2000; cut += 13) {
    const uint32_t a = crc32c(bytes.data(), cut, 0);
    const uint32_t b = crc32c(bytes.data() + cut, bytes.size() - cut, 0);
    const uint32_t whole = crc32c_table(bytes.data(), bytes.size(), 0);
    expect(combine(a, b, bytes.size() - cut), whole, "combine", cut);
    expect(crc32c(bytes.data() + cut, bytes.size() - cut, a), whole, "continued", cut);
  }
  std::printf("crc32c: %s agrees with the table\n", kernel_name());
  return 0;
}
