// The vectorised activations against double precision, over the whole useful range and every length of tail.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../ops/activation_kernels.h"

namespace {

using longhaul::ops::Activation;

// |got - want| <= 1e-6 + 4e-6 |want|: a few roundings of f32, plus the erf formula's 1.5e-7 at |gate| <= 10.
void expect_close(Activation kind, float gate, float got, float want) {
  if (std::fabs(got - want) <= 1e-6f + 4e-6f * std::fabs(want)) return;
  std::fprintf(stderr, "activation %d of %.9g: got %.9g, want %.9g\n", static_cast<int>(kind), gate, got, want);
  std::exit(1);
}

void compare(Activation kind, const std::vector<float>& gate) {
  std::vector<float> up(gate.size(), 1.0f), got(gate.size()), want(gate.size());
  longhaul::ops::gated_activation(kind, gate.data(), up.data(), got.data(), gate.size());
  longhaul::ops::gated_activation_reference(kind, gate.data(), up.data(), want.data(), gate.size());
  for (size_t i = 0; i < gate.size(); i++) expect_close(kind, gate[i], got[i], want[i]);
}

}  // namespace

int main() {
  for (Activation kind : {Activation::kSilu, Activation::kGeluTanh, Activation::kGeluErf}) {
    std::vector<float> range;
    for (int i = -100000; i <= 100000; i++) range.push_back(static_cast<float>(i) * 1e-3f);
    compare(kind, range);
    compare(kind, {-1e30f, 1e30f, -3e4f, 3e4f, 0.0f, -0.0f, 1e-30f, -1e-30f});
    for (size_t length = 1; length < 70; length++) compare(kind, std::vector<float>(range.begin() + 99900, range.begin() + 99900 + length));
  }
  std::puts("activation_test passed");
}
