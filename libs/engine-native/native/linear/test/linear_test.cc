// The vector kernels against the scalar reference, and the reference against plain arithmetic in double precision.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <utility>

#include "../linear.h"

using namespace longhaul::linear;

namespace {

int passed = 0;

void require(bool condition, const char* what) {
  if (condition) {
    passed++;
    return;
  }
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

// Random weights and activations of one layer; scales are halves with small exponents.
struct Layer {
  int rows, cols, bits, tokens;
  std::vector<uint8_t> values;
  std::vector<uint16_t> scales;
  std::vector<float> x, bias;

  Layer(std::mt19937& random, int rows, int cols, int bits, int tokens) : rows(rows), cols(cols), bits(bits), tokens(tokens) {
    PackedWeights w = weights();
    values.resize(w.value_bytes());
    for (auto& v : values) v = uint8_t(random());
    scales.resize(w.scale_count());
    for (auto& s : scales) s = uint16_t((random() & 0x8000) | 0x1c00 | (random() & 0x3ff));
    x.resize(size_t(tokens) * cols);
    std::normal_distribution<float> normal;
    for (auto& v : x) v = normal(random);
    if (tokens > 1) std::fill(x.begin(), x.begin() + kBlockCols, 0.0f);  // a block of zeros has no scale
    bias.resize(rows);
    for (auto& v : bias) v = normal(random);
  }
  PackedWeights weights() const { return {values.data(), scales.data(), rows, cols, bits}; }
};

std::vector<float> run(const Layer& layer, const LinearCandidate& wanted, bool with_bias, int threads) {
  std::vector<float> out(size_t(layer.tokens) * layer.rows, NAN);
  LinearScratch scratch;
  const LinearProblem p{layer.x.data(), out.data(), with_bias ? layer.bias.data() : nullptr, layer.tokens, layer.weights(),
                        scratch.reserve(layer.tokens, layer.cols), wanted.table};
  for (int u = 0; u < quantise_units(p); u++) run_quantise_unit(p, u);
  const MultiplyPlan plan = plan_multiply(p, threads);
  for (int u = plan.units() - 1; u >= 0; u--) run_multiply_unit(p, plan, u);
  return out;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0, largest = 1e-9;
  for (size_t i = 0; i < a.size(); i++) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return INFINITY;
    worst = std::max(worst, std::fabs(double(a[i]) - b[i]));
    largest = std::max(largest, std::fabs(double(b[i])));
  }
  return worst / largest;
}

// Error that int8 activations bring, relative to the size of the products that are summed.
double quantisation_error(const Layer& layer, const std::vector<float>& out) {
  std::vector<float> row(layer.cols);
  double error = 0, norm = 0;
  for (int r = 0; r < layer.rows; r++) {
    dequantise_row(layer.weights(), r, row.data());
    for (int t = 0; t < layer.tokens; t++) {
      double exact = 0;
      for (int c = 0; c < layer.cols; c++) {
        const double product = double(row[c]) * layer.x[size_t(t) * layer.cols + c];
        exact += product;
        norm += product * product;
      }
      const double difference = out[size_t(t) * layer.rows + r] - exact;
      error += difference * difference;
    }
  }
  return std::sqrt(error / norm);
}

void one_shape(std::mt19937& random, int rows, int cols, int bits, int tokens) {
  const Layer layer(random, rows, cols, bits, tokens);
  const LinearCandidate& scalar = linear_candidates(bits).front();
  const auto reference = run(layer, scalar, false, 1);
  require(quantisation_error(layer, reference) < 1.5e-2, "int8 activations are within 1.5 % of exact ones");
  const auto biased = run(layer, scalar, true, 1);
  for (const LinearCandidate& level : linear_candidates(bits).subspan(1)) {
    if (!level.supported()) continue;
    require(largest_difference(run(layer, level, false, 2), reference) < 2e-6, "a vector kernel equals the reference within 2e-6");
    require(largest_difference(run(layer, level, true, 3), biased) < 2e-6, "a bias is added at every level");
  }
}

// The candidate of a level, or null where it does not run here.
const LinearCandidate* find(const char* level, int bits) {
  const LinearCandidate* found = longhaul::cpu::find(linear_candidates(bits), level);
  return found != nullptr && found->supported() ? found : nullptr;
}

// The first tokens of a layer as a call of their own.
Layer first_tokens(const Layer& layer, int tokens) {
  Layer fewer = layer;
  fewer.tokens = tokens;
  fewer.x.resize(size_t(tokens) * layer.cols);
  return fewer;
}

// Answers must not depend on what else is in the batch, so neither may a bit of a product.
void batch_changes_nothing(std::mt19937& random, int bits) {
  const Layer layer(random, 400, 576, bits, 197);
  for (const LinearCandidate& level : linear_candidates(bits)) {
    if (!level.supported()) continue;
    const auto all = run(layer, level, true, 2);
    bool same = true;
    for (int tokens : {1, 2, 3, 4, 5, 6, 11, 12, 31, 32, 33, 47, 48, 192, 193, 196}) {
      const auto fewer = run(first_tokens(layer, tokens), level, true, 2);
      same = same && std::equal(fewer.begin(), fewer.end(), all.begin());
    }
    require(same, "a token's outputs have the same bits in calls of any size");
  }
}

// Tiles add blocks in the order of the vectors that do the calls of few tokens.
void tiles_have_the_bits_of_vectors(std::mt19937& random, int bits) {
  const auto *vectors = find("avx512vnni", bits), *tiles = find("amx", bits);
  if (tiles == nullptr || vectors == nullptr) return;
  for (auto [rows, cols] : {std::pair{16, 32}, {33, 160}, {200, 576}, {50, 4864}})
    for (int tokens : {16, 32, 40, 64, 97}) {
      const Layer layer(random, rows, cols, bits, tokens);
      require(run(layer, *tiles, true, 2) == run(layer, *vectors, true, 3), "tiles give the bits of vectors");
    }
}

void halves() {
  require(half_to_float(0x3c00) == 1.0f && half_to_float(0xc000) == -2.0f, "one and minus two");
  require(half_to_float(0x0001) == 0x1p-24f && half_to_float(0x7bff) == 65504.0f, "the smallest and the largest half");
  require(half_to_float(0x8000) == 0.0f && std::isinf(half_to_float(0x7c00)), "zero and infinity");
}

}  // namespace

int main() {
  for (const LinearCandidate& level : linear_candidates(8))
    if (!level.supported()) std::printf("skipped level %s: not on this processor\n", level.level);
  std::mt19937 random(7);
  halves();
  const int shapes[][2] = {{16, 32}, {48, 64}, {50, 96}, {1, 32}, {129, 288}, {33, 576}, {400, 320}};
  for (int bits : {8, 4})
    for (auto [rows, cols] : shapes)
      for (int tokens : {1, 2, 3, 4, 5, 6, 7, 13, 32, 45, 200}) one_shape(random, rows, cols, bits, tokens);
  for (int bits : {8, 4}) batch_changes_nothing(random, bits);
  for (int bits : {8, 4}) tiles_have_the_bits_of_vectors(random, bits);
  std::printf("%d passed\n", passed);
}
