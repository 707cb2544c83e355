// Products of a few rows of queries with the keys of pages, token by token: the first half of what a tile executor does.
// Include it behind the level's `#pragma GCC target`; internal linkage.
#pragma once

#include "score_rows.h"

namespace longhaul::attention {
namespace {

/** Which dimensions of keys are multiplied, in steps of one line of a K tile. */
struct KeySteps {
  int count;
  int step[kMaxHeadDim];

  /** All steps of a head, or those that hold some of the channels. */
  static KeySteps of(int head_dim, int dims_per_step, const int32_t* channels, int channel_count) {
    bool wanted[kMaxHeadDim] = {};
    for (int i = 0; i < channel_count; ++i) wanted[channels[i] / dims_per_step] = true;
    KeySteps steps{};
    for (int s = 0; s < head_dim / dims_per_step; ++s) {
      if (channels == nullptr || wanted[s]) steps.step[steps.count++] = s;
    }
    return steps;
  }
};

/** Of a pool of floats; Op is one of operand.h. */
template <class Op>
class FloatProducts {
 public:
  using V = typename Op::V;
  /** Rows that are multiplied at a time, at most. */
  static constexpr int kRows = Op::kShallowRows;
  static constexpr int kDims = Op::kTokensPerStep;
  static constexpr bool kSelectsSteps = true;

  static size_t row_bytes(int head_dim) { return static_cast<size_t>(head_dim) / kDims * Op::kPerStep * sizeof(A); }

  /** Lays `count` queries out as [step][row][kPerStep] at `memory`. */
  static void pack(const KvPoolView&, const KeySteps& steps, const float* const* queries, int count, std::byte* memory) {
    A* to = reinterpret_cast<A*>(memory);
    for (int s = 0; s < steps.count; ++s) {
      for (int r = 0; r < count; ++r) Op::pack(to + (s * count + r) * Op::kPerStep, queries[r] + steps.step[s] * kDims);
    }
  }

  /** Products of NR queries with all tokens of `pages` slices, to rows of `stride` floats. */
  template <int NR>
  static void multiply(const KvPoolView&, const KeySteps& steps, const std::byte* memory, const std::byte* const* slices, int pages,
                       float* out, size_t stride) {
    constexpr int kWide = Op::columns(NR) < kVectors ? 1 : Op::columns(NR);
    const A* q = reinterpret_cast<const A*>(memory);
    int vector = 0;
    for (; vector + kWide <= pages * kVectors; vector += kWide) multiply_some<NR, kWide>(steps, q, slices, vector, out, stride);
    for (; vector < pages * kVectors; ++vector) multiply_some<NR, 1>(steps, q, slices, vector, out, stride);
  }

 private:
  using F = typename V::F;
  using A = typename Op::A;
  static constexpr int kVectors = kPageTokens / V::kLanes;

  template <int NR, int NV>
  static LONGHAUL_INLINE void multiply_some(const KeySteps& steps, const A* q, const std::byte* const* slices, int vector, float* out,
                                            size_t stride) {
    const std::byte* base[NV];
    F acc[NR][NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      base[v] = slices[(vector + v) / kVectors] + (vector + v) % kVectors * V::kLanes * 4;
#pragma GCC unroll 8
      for (int r = 0; r < NR; ++r) acc[r][v] = V::zero();
    }
    for (int s = 0; s < steps.count; ++s) {
      Op::template step<Op::kPerStep>(acc, q + static_cast<size_t>(s) * NR * Op::kPerStep, base, static_cast<size_t>(steps.step[s]) * kLine);
    }
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) V::store(out + r * stride + static_cast<size_t>(vector + v) * V::kLanes, acc[r][v]);
    }
  }
};

/** Of an int8 pool; Dot is one of integer_dot.h. All dimensions are multiplied. */
template <class Dot>
class IntegerProducts {
 public:
  using V = typename Dot::V;
  static constexpr int kRows = Dot::kShallowRows;
  static constexpr int kDims = 4;
  static constexpr bool kSelectsSteps = false;

  /** Bytes, then the query's scale and what its products start from. */
  static size_t row_bytes(int head_dim) { return static_cast<size_t>(head_dim) + 8; }

  static void pack(const KvPoolView& pool, const KeySteps& steps, const float* const* queries, int count, std::byte* memory) {
    alignas(64) int8_t bytes[kMaxHeadDim];
    for (int r = 0; r < count; ++r) {
      const float scale = quantise_row(queries[r], pool.head_dim, bytes);
      int32_t sum = 0;
      for (int d = 0; d < pool.head_dim; ++d) sum += bytes[d];
      const int32_t start = -128 * sum;
      std::memcpy(memory + 8 * r, &scale, 4);
      std::memcpy(memory + 8 * r + 4, &start, 4);
      for (int s = 0; s < steps.count; ++s) std::memcpy(memory + 8 * count + (s * count + r) * 4, bytes + 4 * s, 4);
    }
  }

  template <int NR>
  static void multiply(const KvPoolView& pool, const KeySteps& steps, const std::byte* memory, const std::byte* const* slices, int pages,
                       float* out, size_t stride) {
    constexpr int kWide = Dot::columns(NR) < kVectors ? 1 : Dot::columns(NR);
    int vector = 0;
    for (; vector + kWide <= pages * kVectors; vector += kWide) multiply_some<NR, kWide>(pool.head_dim, steps, memory, slices, vector, out, stride);
    for (; vector < pages * kVectors; ++vector) multiply_some<NR, 1>(pool.head_dim, steps, memory, slices, vector, out, stride);
  }

 private:
  static constexpr int kVectors = kPageTokens / V::kLanes;

  static LONGHAUL_INLINE int32_t start_of(const std::byte* memory, int r) {
    int32_t start;
    std::memcpy(&start, memory + 8 * r + 4, sizeof start);
    return start;
  }

  template <int NR, int NV>
  static LONGHAUL_INLINE void multiply_some(int dim, const KeySteps& steps, const std::byte* memory, const std::byte* const* slices,
                                            int vector, float* out, size_t stride) {
    const std::byte* base[NV];
    typename Dot::Acc acc[NR][NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      base[v] = slices[(vector + v) / kVectors] + (vector + v) % kVectors * V::kLanes * 4;
#pragma GCC unroll 8
      for (int r = 0; r < NR; ++r) acc[r][v] = Dot::start(start_of(memory, r));
    }
    const std::byte* q = memory + 8 * NR;
    for (int s = 0; s < steps.count; ++s) {
      typename Dot::Bytes keys[NV];
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) keys[v] = Dot::load_keys(base[v] + static_cast<size_t>(s) * kLine);
#pragma GCC unroll 8
      for (int r = 0; r < NR; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) Dot::dot_keys(acc[r][v], keys[v], q + (s * NR + r) * 4);
      }
    }
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      const auto scale = V::load(scales_of(slices[(vector + v) / kVectors], dim).key + (vector + v) % kVectors * V::kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < NR; ++r) {
        const auto row = V::mul(scale, V::broadcast(memory + 8 * r));
        V::store(out + r * stride + static_cast<size_t>(vector + v) * V::kLanes, V::mul(Dot::to_float(acc[r][v]), row));
      }
    }
  }
};

}  // namespace
}  // namespace longhaul::attention
