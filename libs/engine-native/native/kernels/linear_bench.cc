#include "linear_bench.h"

#include <algorithm>
#include <random>

namespace longhaul::kernels {
namespace {

using linear::kPanelRows;
using linear::PackedWeights;

// One call takes a millisecond or so at the speed of the slower vector kernels.
constexpr double kChunkOperations = 1e8;
constexpr int kLeastRows = 4 * kPanelRows;

double bytes_of(const PackedWeights& w) {
  return static_cast<double>(w.value_bytes()) + 2.0 * static_cast<double>(w.scale_count());
}

/** Hands out memory from the front, from the start again when it ends. */
class Cursor {
 public:
  explicit Cursor(const BenchMemory& memory) : memory_(memory) {}
  const std::byte* take(size_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    if (at_ + bytes > memory_.bytes()) at_ = 0;
    const std::byte* result = memory_.base() + at_;
    at_ += bytes;
    return result;
  }

 private:
  const BenchMemory& memory_;
  size_t at_ = 0;
};

/** So many rows of a matrix, in whole panels. */
PackedWeights cut(const Matrix& matrix, int bits, double rows, const BenchMemory& memory) {
  PackedWeights w{nullptr, nullptr, kPanelRows, matrix.cols, bits};
  const double most = std::min<double>(matrix.rows, memory.bytes() / 4.0 / bytes_of(w) * kPanelRows);
  const int wanted = static_cast<int>(std::min(std::max<double>(rows, kLeastRows), most));
  w.rows = std::max(kPanelRows, wanted / kPanelRows * kPanelRows);
  return w;
}

void place(PackedWeights& w, Cursor& cursor) {
  w.values = reinterpret_cast<const uint8_t*>(cursor.take(w.value_bytes()));
  w.scales = reinterpret_cast<const uint16_t*>(cursor.take(2 * w.scale_count()));
}

}  // namespace

LinearBench::LinearBench(const std::vector<Matrix>& matrices, int bits, const BenchMemory& memory) {
  double all = 0, chunked = 0;
  int most_cols = 0;
  for (const Matrix& m : matrices) {
    const double size = static_cast<double>(m.rows) * m.cols * m.count;
    all += size;
    chunked += m.prefill ? size : 0;
    most_cols = std::max(most_cols, m.cols);
  }
  Cursor prefill_cursor(memory), decode_cursor(memory);
  const double decode_values = static_cast<double>(memory.bytes()) * 8 / (bits + 0.5);
  const double prefill_values = kChunkOperations / (2.0 * kTokens);
  for (const Matrix& m : matrices) {
    const double rows = static_cast<double>(m.rows) * m.count;
    PackedWeights part = cut(m, bits, rows * decode_values / all, memory);
    const double whole = std::max(1.0, rows * decode_values / all / part.rows);
    for (int copy = 0; copy < static_cast<int>(whole); ++copy) {
      place(part, decode_cursor);
      decode_.push_back(part);
    }
    if (!m.prefill) continue;
    part = cut(m, bits, rows * prefill_values / chunked, memory);
    place(part, prefill_cursor);
    prefill_.push_back(part);
  }
  int most_rows = 0;
  for (const auto* list : {&prefill_, &decode_})
    for (const PackedWeights& w : *list) most_rows = std::max(most_rows, w.rows);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  x_.resize(static_cast<size_t>(kTokens) * most_cols);
  for (float& x : x_) x = normal(random);
  out_.resize(static_cast<size_t>(kTokens) * most_rows);
}

void LinearBench::run(const std::vector<PackedWeights>& weights, int tokens, const linear::Kernels* kernels) {
  for (const PackedWeights& w : weights) {
    const linear::LinearProblem problem{x_.data(), out_.data(), nullptr, tokens, w, scratch_.reserve(tokens, w.cols), kernels};
    for (int unit = 0; unit < linear::quantise_units(problem); ++unit) linear::run_quantise_unit(problem, unit);
    const linear::MultiplyPlan plan = linear::plan_multiply(problem, 1);
    for (int unit = 0; unit < plan.units(); ++unit) linear::run_multiply_unit(problem, plan, unit);
  }
}

double LinearBench::prefill_operations() const {
  double sum = 0;
  for (const PackedWeights& w : prefill_) sum += 2.0 * w.rows * w.cols * kTokens;
  return sum;
}

double LinearBench::decode_bytes() const {
  double sum = 0;
  for (const PackedWeights& w : decode_) sum += bytes_of(w);
  return sum;
}

}  // namespace longhaul::kernels
