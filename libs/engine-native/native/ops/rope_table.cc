#include "rope_table.h"

#include <cmath>

#include "../step/ragged_batch.h"
#include "step_input.h"

namespace longhaul::ops {
namespace {

constexpr int kTokensPerUnit = 16;

void fill_row(const float* inv_freq, double scale, int position, int pairs, float* row) {
  for (int p = 0; p < pairs; p++) {
    const double angle = static_cast<double>(position) * inv_freq[p];
    row[p] = static_cast<float>(std::cos(angle) * scale);
    row[pairs + p] = static_cast<float>(std::sin(angle) * scale);
  }
}

/** The tables of all classes of one step. */
struct Tables {
  const StepFacts& facts;
  RaggedBatch batch;
  std::vector<int32_t> sequences;
  std::vector<float*> out;

  void fill(int token) const {
    const int b = sequences[size_t(token)], pairs = static_cast<int>(facts.rope_pairs());
    const int position = batch.past[b] + token - batch.cu[b];
    for (size_t c = 0; c < out.size(); c++) {
      const size_t row = c * size_t(batch.batch) + size_t(b);
      fill_row(facts.rope_inv_freq.data() + row * pairs, facts.rope_scale[row], position, pairs,
               out[c] + size_t(token) * 2 * pairs);
    }
  }
};

}  // namespace

void RopeTable::compute(const KernelContext& context) {
  const auto step = step_input(context, 0);
  const StepFacts& facts = step->facts();
  if (context.outputs() != size_t(facts.rope_classes))
    throw invalid("ropeClasses", "the graph needs " + std::to_string(context.outputs()) + ", got " +
                                     std::to_string(facts.rope_classes));
  const RaggedBatch batch = read_batch(facts);
  Tables tables{facts, batch, sequence_of_tokens(batch), {}};
  for (size_t c = 0; c < context.outputs(); c++)
    tables.out.push_back(context.output(c, {batch.tokens, 2 * facts.rope_pairs()}));
  if (facts.rope_pairs() == 0 || batch.tokens == 0) return;

  const size_t units = (size_t(batch.tokens) + kTokensPerUnit - 1) / kTokensPerUnit;
  context.parallel_for(units, [&](size_t unit) {
    const int first = static_cast<int>(unit) * kTokensPerUnit;
    const int last = std::min(first + kTokensPerUnit, batch.tokens);
    for (int t = first; t < last; t++) tables.fill(t);
  });
}

}  // namespace longhaul::ops
