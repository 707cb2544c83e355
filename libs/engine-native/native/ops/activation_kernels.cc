#include "activation_kernels.h"

#include <bit>
#include <cmath>
#include <cstdint>

#define LONGHAUL_INLINE __attribute__((always_inline)) inline

namespace longhaul::ops {
namespace {

constexpr float kSqrtTwoOverPi = 0.7978845608f;
constexpr float kGeluCubic = 0.044715f;

// exp by 2^n * p(r) with |r| <= ln(2) / 2; relative error below 2e-7 on [-87, 88], clamped outside. Written without
// branches and calls so that the compiler turns loops over it into vector code.
LONGHAUL_INLINE float exp_inline(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding and subtracting it rounds to the nearest integer
  const float n = (x * 1.44269504f + kRound) - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t exponent = (static_cast<int32_t>(n) + 127) << 23;
  return p * std::bit_cast<float>(exponent);
}

LONGHAUL_INLINE float silu(float x) { return x / (1.0f + exp_inline(-x)); }

// 0.5 (1 + tanh(u)) is the logistic function of 2u.
LONGHAUL_INLINE float gelu_tanh(float x) {
  const float u = kSqrtTwoOverPi * (x + kGeluCubic * x * x * x);
  return x / (1.0f + exp_inline(-2.0f * u));
}

// erfc by Abramowitz and Stegun 7.1.26; taking the complement on the negative side avoids cancellation.
LONGHAUL_INLINE float gelu_erf(float x) {
  const float z = std::fabs(x) * 0.70710678f;
  const float t = 1.0f / (1.0f + 0.3275911f * z);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const float tail = 0.5f * p * t * exp_inline(-z * z);
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

LONGHAUL_INLINE void run(Activation kind, const float* gate, const float* up, float* out, size_t count) {
  switch (kind) {
    case Activation::kSilu:
      for (size_t i = 0; i < count; i++) out[i] = silu(gate[i]) * up[i];
      return;
    case Activation::kGeluTanh:
      for (size_t i = 0; i < count; i++) out[i] = gelu_tanh(gate[i]) * up[i];
      return;
    case Activation::kGeluErf:
      for (size_t i = 0; i < count; i++) out[i] = gelu_erf(gate[i]) * up[i];
      return;
  }
}

using Kernel = void (*)(Activation, const float*, const float*, float*, size_t);

void run_portable(Activation kind, const float* gate, const float* up, float* out, size_t count) {
  run(kind, gate, up, out, count);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void run_avx2(Activation kind, const float* gate, const float* up, float* out,
                                                  size_t count) {
  run(kind, gate, up, out, count);
}

__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma,prefer-vector-width=512"))) void run_avx512(
    Activation kind, const float* gate, const float* up, float* out, size_t count) {
  run(kind, gate, up, out, count);
}

Kernel choose() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return run_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return run_avx2;
  return run_portable;
}
#else
Kernel choose() { return run_portable; }
#endif

double reference(Activation kind, double x) {
  switch (kind) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kGeluErf:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
  }
  return 0;
}

}  // namespace

void gated_activation(Activation kind, const float* gate, const float* up, float* out, size_t count) {
  static const Kernel kernel = choose();
  kernel(kind, gate, up, out, count);
}

void gated_activation_reference(Activation kind, const float* gate, const float* up, float* out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = static_cast<float>(reference(kind, gate[i]) * up[i]);
}

}  // namespace longhaul::ops
