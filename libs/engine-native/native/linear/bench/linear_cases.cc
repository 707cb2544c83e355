// The layers of a model of Qwen2.5-0.5B's shape: prefill of a chunk, decode of one and of four tokens.
#include <cstring>
#include <random>

#include "../linear.h"
#include "bench/kernel_case.h"

namespace longhaul::bench {
namespace {

using namespace longhaul::linear;

struct Shape {
  int rows, cols;
};
constexpr Shape kShapes[] = {{1152, 896}, {896, 896}, {9728, 896}, {896, 4864}, {32000, 896}};
constexpr int kPrefillTokens = 512;
/** Weights that a decode run reads, in copies of one layer: a run must last longer than it takes to begin and end. */
constexpr size_t kColdBytes = size_t{256} << 20;

class LinearKernel final : public Kernel {
 public:
  LinearKernel(Shape shape, int bits, int tokens, int copies, const Kernels* kernels)
      : kernels_(kernels), weights_{nullptr, nullptr, shape.rows, shape.cols, bits}, tokens_(tokens), copies_(copies), stride_(stride_of(weights_)),
        memory_(stride_ * static_cast<size_t>(copies)), x_(static_cast<size_t>(tokens) * shape.cols),
        out_(static_cast<size_t>(tokens) * shape.rows) {
    std::mt19937 random(1);
    for (float& v : x_) v = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 1000;
    fill(random);
  }

  void run(const ParallelFor& loop) override {
    for (int copy = 0; copy < copies_; ++copy) run_copy(copy, loop);
  }

  std::span<const std::byte> cold() const override {
    if (tokens_ > kFewTokens) return {};
    return {memory_.base(), memory_.bytes()};
  }

  /** Bytes of one layer's values and scales. */
  static size_t layer_bytes(const PackedWeights& w) { return w.value_bytes() + w.scale_count() * sizeof(uint16_t); }

 private:
  /** Whole cache lines of values, then of scales. */
  static size_t stride_of(const PackedWeights& w) { return (layer_bytes(w) + 127) / 64 * 64; }

  void fill(std::mt19937& random) {
    auto* first = reinterpret_cast<uint8_t*>(memory_.base());
    for (size_t i = 0; i < weights_.value_bytes(); ++i) first[i] = static_cast<uint8_t>(random());
    auto* scales = reinterpret_cast<uint16_t*>(first + weights_.value_bytes());
    for (size_t i = 0; i < weights_.scale_count(); ++i) scales[i] = 0x2000;
    for (int copy = 1; copy < copies_; ++copy) std::memcpy(first + copy * stride_, first, stride_);
  }

  void run_copy(int copy, const ParallelFor& loop) {
    PackedWeights w = weights_;
    w.values = reinterpret_cast<const uint8_t*>(memory_.base()) + static_cast<size_t>(copy) * stride_;
    w.scales = reinterpret_cast<const uint16_t*>(w.values + w.value_bytes());
    const LinearProblem problem{x_.data(), out_.data(), nullptr, tokens_, w, scratch_.reserve(tokens_, w.cols), kernels_};
    each(loop, quantise_units(problem), [&](int unit) { run_quantise_unit(problem, unit); });
    const MultiplyPlan plan = plan_multiply(problem, loop.threads);
    each(loop, plan.units(), [&](int unit) { run_multiply_unit(problem, plan, unit); });
  }

  template <class Body> static void each(const ParallelFor& loop, int n, Body&& body) {
    loop(static_cast<size_t>(n), [](void* user, size_t i) { (*static_cast<std::remove_reference_t<Body>*>(user))(static_cast<int>(i)); },
         &body);
  }

  const Kernels* kernels_;
  PackedWeights weights_;
  int tokens_;
  int copies_;
  size_t stride_;
  Memory memory_;
  std::vector<float> x_, out_;
  LinearScratch scratch_;
};

Arithmetic arithmetic_of(const LinearCandidate& kernels) {
  return kernels.needs.has(cpu::Feature::kAmxInt8) ? Arithmetic::kIntegerTile : Arithmetic::kIntegerDot;
}

/** Calls of few tokens on tiles are those of the level below. */
bool is_its_own(const LinearCandidate& kernels, int tokens) {
  return arithmetic_of(kernels) != Arithmetic::kIntegerTile || tokens >= kLeastTileTokens;
}

KernelCase case_of(Shape shape, int bits, int tokens, const LinearCandidate& kernels) {
  const PackedWeights w{nullptr, nullptr, shape.rows, shape.cols, bits};
  const size_t bytes = LinearKernel::layer_bytes(w);
  const bool prefill = tokens > kFewTokens;
  const int copies = prefill ? 1 : static_cast<int>(1 + kColdBytes / bytes);
  KernelCase c;
  c.name = std::string("linear ") + (prefill ? "prefill" : "decode") + " int" + std::to_string(bits) + " " + std::to_string(shape.rows) +
           "x" + std::to_string(shape.cols) + ", " + std::to_string(tokens);
  c.phase = prefill ? Phase::kPrefill : Phase::kDecode;
  c.level = kernels.level;
  c.arithmetic = arithmetic_of(kernels);
  c.operations = 2.0 * shape.rows * shape.cols * tokens * copies;
  c.bytes = static_cast<double>(bytes) * copies;
  c.open = [=, table = kernels.table] { return std::make_unique<LinearKernel>(shape, bits, tokens, copies, table); };
  return c;
}

}  // namespace

std::vector<KernelCase> linear_cases(const Machine& machine) {
  std::vector<KernelCase> cases;
  for (const int bits : {8, 4})
    for (const LinearCandidate* kernels :
         widest_of(machine, linear_candidates(bits), arithmetic_of))
      for (const int tokens : {kPrefillTokens, 1, kFewTokens}) {
        if (!is_its_own(*kernels, tokens)) continue;
        for (const Shape shape : kShapes) cases.push_back(case_of(shape, bits, tokens, *kernels));
      }
  return cases;
}

}  // namespace longhaul::bench
