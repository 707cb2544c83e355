// Powers of two of the softmax of an int8 pool. Include it behind the level's `#pragma GCC target`; internal linkage.
#pragma once

#include <cstdint>
#include <cstring>

#ifndef LONGHAUL_INLINE
#define LONGHAUL_INLINE inline __attribute__((always_inline))
#endif

namespace longhaul::attention {
namespace {

/** 2^whole for a whole number of at most 0; 0 below 2^-126. */
inline float exp2_whole(float whole) {
  if (whole < -126.0f) return 0.0f;
  const uint32_t bits = static_cast<uint32_t>(127 + static_cast<int>(whole)) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return power;
}

/** 2^-(quarters / 4). */
constexpr float kQuarters[4] = {1.0f, 0.840896415f, 0.707106781f, 0.594603558f};

/** 2^x for a multiple of 1/4 of at most 0. */
inline float exp2_quarters(float x) {
  const float whole = __builtin_ceilf(x);
  return exp2_whole(whole) * kQuarters[static_cast<int>(4.0f * (whole - x))];
}

/** exp2_quarters of many lanes. */
template <class V>
LONGHAUL_INLINE typename V::F exp2_quarters_of(typename V::F x) {
  const typename V::F whole = V::ceil(x);
  return V::mul(V::exp2_whole(whole), V::look_up_four(kQuarters, V::mul(V::set1(4.0f), V::sub(whole, x))));
}

/** 255 * 2^x for x <= 0, relative error 1e-4: what a byte can tell, and the sum of thousands of them. */
template <class V>
LONGHAUL_INLINE typename V::F exp2_255(typename V::F x) {
  const typename V::F whole = V::round(x);
  const typename V::F f = V::sub(x, whole);
  typename V::F y = V::set1(255.0f * 0.0551716691f);
  y = V::fma(y, f, V::set1(255.0f * 0.242611122f));
  y = V::fma(y, f, V::set1(255.0f * 0.693260985f));
  y = V::fma(y, f, V::set1(255.0f * 0.999928074f));
  return V::scale_exp2(y, whole);
}

}  // namespace
}  // namespace longhaul::attention
