// How a step of the inner product is done. One step takes one dword of every pool column (a pair of bf16, or one f32)
// and kPerStep dwords of the left operand per row, and adds to NR x NV accumulators. QK and PV are the same product
// over the same geometry: columns are tokens (K tile) or dimensions (V tile), steps run over dimension pairs or token
// pairs.
#pragma once

#include "kernels.h"

namespace longhaul::attention {
namespace {

/** acc[r][v] += a[r * row_stride] * y[v], a row at a time. */
template <class V, int NR, int NV>
LONGHAUL_INLINE void accumulate_rows(typename V::F (&acc)[NR][NV], const float* a, int row_stride,
                                     const typename V::F (&y)[NV]) {
#pragma GCC unroll 8
  for (int r = 0; r < NR; ++r) {
    if constexpr (V::kLanes == 8 && NV == 2) {
      V::accumulate_two(acc[r][0], acc[r][1], a + r * row_stride, y[0], y[1]);
    } else {
      const typename V::F x = V::broadcast(a + r * row_stride);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) V::accumulate(acc[r][v], x, y[v]);
    }
  }
}

/** bf16 pool, f32 left operand, converted lanes. */
template <class Vec, int kWideColumns>
struct PairFma {
  using V = Vec;
  using F = typename Vec::F;
  using A = float;
  static constexpr int kPerStep = 2;
  static constexpr int kTokensPerStep = 2;
  /** Rows that share one pass over the keys when there are no more. */
  static constexpr int kShallowRows = V::kLanes == 16 ? 8 : 6;
  static constexpr int kPolynomial = 5;
  /** Accumulator columns (vectors) of a block of `rows`. */
  static constexpr int columns(int rows) { return rows <= 3 ? 4 : rows <= 6 ? kWideColumns : V::kLanes / 8; }

  static LONGHAUL_INLINE void pack(A* to, const float* two) {
    to[0] = two[0];
    to[1] = two[1];
  }
  static LONGHAUL_INLINE void store(A* row, int token, F x) { V::store(row + token, x); }

  template <int row_stride, int NR, int NV>
  static LONGHAUL_INLINE void step(F (&acc)[NR][NV], const A* a, const std::byte* const (&b)[NV], size_t offset) {
    if constexpr (NR == 6 && NV == 2 && V::kLanes == 8) {
      V::template accumulate_six<row_stride * 4>(acc, a, b[0] + offset);
    } else if constexpr (NR == 3 && V::kLanes == 8) {
      const F x0 = V::broadcast(a), x1 = V::broadcast(a + row_stride), x2 = V::broadcast(a + 2 * row_stride);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) V::accumulate_low(acc[0][v], acc[1][v], acc[2][v], x0, x1, x2, b[v] + offset);
      const F y0 = V::broadcast(a + 1), y1 = V::broadcast(a + row_stride + 1), y2 = V::broadcast(a + 2 * row_stride + 1);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) V::accumulate_high(acc[0][v], acc[1][v], acc[2][v], y0, y1, y2, b[v] + offset);
    } else if constexpr (NR <= 3) {
      F x[NR];
#pragma GCC unroll 8
      for (int r = 0; r < NR; ++r) x[r] = V::broadcast(a + r * row_stride);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) {
        const F low = V::pair_low(b[v] + offset);
#pragma GCC unroll 8
        for (int r = 0; r < NR; ++r) V::accumulate(acc[r][v], x[r], low);
      }
#pragma GCC unroll 8
      for (int r = 0; r < NR; ++r) x[r] = V::broadcast(a + r * row_stride + 1);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) {
        const F high = V::pair_high(b[v] + offset);
#pragma GCC unroll 8
        for (int r = 0; r < NR; ++r) V::accumulate(acc[r][v], x[r], high);
      }
    } else {
      F y[NV];
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) y[v] = V::pair_low(b[v] + offset);
      accumulate_rows<V>(acc, a, row_stride, y);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) y[v] = V::pair_high(b[v] + offset);
      accumulate_rows<V>(acc, a + 1, row_stride, y);
    }
  }
};

/** f32 pool: the reference type, exact inputs. */
template <class Vec, int kWideColumns>
struct SingleFma {
  using V = Vec;
  using F = typename Vec::F;
  using A = float;
  static constexpr int kPerStep = 1;
  static constexpr int kTokensPerStep = 1;
  static constexpr int kShallowRows = 8;
  static constexpr int kPolynomial = 6;
  static constexpr int columns(int rows) { return rows <= 3 ? 4 : rows <= 6 ? kWideColumns : V::kLanes / 8; }

  static LONGHAUL_INLINE void pack(A* to, const float* one) { to[0] = one[0]; }
  static LONGHAUL_INLINE void store(A* row, int token, F x) { V::store(row + token, x); }

  template <int row_stride, int NR, int NV>
  static LONGHAUL_INLINE void step(F (&acc)[NR][NV], const A* a, const std::byte* const (&b)[NV], size_t offset) {
    F y[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) y[v] = V::load(b[v] + offset);
    accumulate_rows<V>(acc, a, row_stride, y);
  }
};

/** bf16 pool and bf16 left operand: one dot-product instruction per step. Probabilities lose bits below 2^-9. */
template <class Vec>
struct PairDot {
  using V = Vec;
  using F = typename Vec::F;
  using A = uint32_t;
  static constexpr int kPerStep = 1;
  static constexpr int kTokensPerStep = 2;
  static constexpr int kShallowRows = 8;
  static constexpr int kPolynomial = 3;
  static constexpr int columns(int rows) { return rows <= 6 ? 4 : 2; }

  static LONGHAUL_INLINE void pack(A* to, const float* two) { to[0] = bf16_pair(two[0], two[1]); }
  static LONGHAUL_INLINE void store(A* row, int token, F x) { V::store_bf16(row + token / 2, x); }

  template <int row_stride, int NR, int NV>
  static LONGHAUL_INLINE void step(F (&acc)[NR][NV], const A* a, const std::byte* const (&b)[NV], size_t offset) {
    F y[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) y[v] = V::load(b[v] + offset);
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
      const F x = V::broadcast(a + r * row_stride);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) acc[r][v] = V::dot_pairs(acc[r][v], x, y[v]);
    }
  }
};

/** 2^x for x < 100: polynomial of degree N on [-1/2, 1/2] (relative error 1e-4, 2e-7, 2e-8 for N = 3, 5, 6). */
template <class V, int N>
LONGHAUL_INLINE typename V::F exp2_approximation(typename V::F x) {
  // Least maximum relative error, coefficients from the constant term up.
  static constexpr float kCoefficients[4][7] = {
      {0.999928074f, 0.693260985f, 0.242611122f, 0.0551716691f},
      {},
      {1.00000007f, 0.693146967f, 0.240221197f, 0.0555071327f, 0.00967554133f, 0.0013276472f},
      {1.0f, 0.693147206f, 0.240226469f, 0.0555032878f, 0.00961848896f, 0.00133999312f, 0.00015345812f},
  };
  constexpr const float* c = kCoefficients[N - 3];
  const typename V::F whole = V::round(x);
  const typename V::F f = V::sub(x, whole);
  typename V::F y = V::set1(c[N]);
#pragma GCC unroll 8
  for (int i = N - 1; i >= 0; --i) y = V::fma(y, f, V::set1(c[i]));
  return V::scale_exp2(y, whole);
}

/** tanh by way of 2^x; absolute error below 3e-7. */
template <class V>
LONGHAUL_INLINE typename V::F tanh_approximation(typename V::F x) {
  // In this order what is no number stays none.
  const typename V::F bounded = V::min(V::set1(15.0f), V::max(V::set1(-15.0f), x));
  const typename V::F e = exp2_approximation<V, 6>(V::mul(bounded, V::set1(2.0f * kLog2e)));
  return V::sub(V::set1(1.0f), V::div(V::set1(2.0f), V::add(e, V::set1(1.0f))));
}

}  // namespace
}  // namespace longhaul::attention
