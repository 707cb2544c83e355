#include "crc32c.h"

namespace longhaul::crc32c {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78u;
constexpr uint32_t kOne = 0x80000000u;
constexpr uint32_t kX = 0x40000000u;

}  // namespace

uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = (b >> 1) ^ ((b & 1) ? kPolynomial : 0);
  }
  return product;
}

uint32_t power_of_x(uint64_t exponent) {
  uint32_t result = kOne;
  uint32_t square = kX;
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

uint32_t combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) {
  return multiply(crc_a, power_of_x(length_b * 8)) ^ crc_b;
}

}  // namespace longhaul::crc32c
