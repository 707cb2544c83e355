// Eight f32 lanes as the compiler's own vectors, for what every kernel level compiles for itself. Include it behind the
// level's `#pragma GCC target`; internal linkage.
#pragma once

#include <cstdint>

#ifndef LONGHAUL_INLINE
#define LONGHAUL_INLINE inline __attribute__((always_inline))
#endif

namespace longhaul::attention {
namespace {

typedef float Eight __attribute__((vector_size(32)));
typedef int32_t EightInts __attribute__((vector_size(32)));
typedef int8_t ThirtyTwoBytes __attribute__((vector_size(32)));

LONGHAUL_INLINE Eight load_eight(const float* from) {
  Eight x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}
LONGHAUL_INLINE void store_eight(float* to, Eight x) { __builtin_memcpy(to, &x, sizeof x); }

/** Lane i gets lane i ^ kDistance; kDistance is 1, 2 or 4. */
template <int kDistance>
LONGHAUL_INLINE Eight swap_lanes(Eight x) {
  constexpr int d = kDistance;
#ifdef __clang__
  return __builtin_shufflevector(x, x, 0 ^ d, 1 ^ d, 2 ^ d, 3 ^ d, 4 ^ d, 5 ^ d, 6 ^ d, 7 ^ d);
#else
  return __builtin_shuffle(x, EightInts{0 ^ d, 1 ^ d, 2 ^ d, 3 ^ d, 4 ^ d, 5 ^ d, 6 ^ d, 7 ^ d});
#endif
}

/** The same for a distance, 0 to 7, that the compiler does not know. */
LONGHAUL_INLINE Eight swap_lanes(Eight x, int distance) {
#ifdef __clang__
  Eight swapped;
  for (int i = 0; i < 8; ++i) swapped[i] = x[i ^ distance];
  return swapped;
#else
  return __builtin_shuffle(x, EightInts{0, 1, 2, 3, 4, 5, 6, 7} ^ distance);
#endif
}

LONGHAUL_INLINE Eight magnitude(Eight x) { return (Eight)((EightInts)x & 0x7fffffff); }

/** The low byte of every lane. */
LONGHAUL_INLINE void store_low_bytes(int8_t* to, EightInts x) {
#ifdef __clang__
  typedef int8_t EightBytes __attribute__((vector_size(8)));
  const EightBytes low = __builtin_convertvector(x, EightBytes);
#else
  // GCC takes a conversion apart into scalars.
  constexpr ThirtyTwoBytes kLow{0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28,
                                0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28};
  const ThirtyTwoBytes low = __builtin_shuffle((ThirtyTwoBytes)x, kLow);
#endif
  __builtin_memcpy(to, &low, 8);
}

}  // namespace
}  // namespace longhaul::attention
