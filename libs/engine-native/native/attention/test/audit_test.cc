// Tests of the live audit and of summaries: what is measured is what was lost, measuring changes nothing, and what is sampled
// depends on positions alone; a summary stands for what a mask drops.
#include "checks.h"
#include "policies.h"
#include "reference.h"

namespace longhaul::test {
namespace {

constexpr int kEnd = 340;
constexpr int kPrompt = 300;

Shape shape_of(KvDtype dtype) {
  Shape shape = grouped_shape(dtype, 0);
  shape.heads = 4;
  shape.kv_heads = 2;
  return shape;
}

struct Measured {
  std::vector<float> outputs;
  AuditTotals totals;
};

Measured run(const World& world, const HeadPlan& plan, attention::AuditSampling audit, int chunk) {
  Runner runner(world, 3);
  const auto policy = policy_of(world.shape, {plan}, {plan});
  runner.policies = {{0, std::make_shared<SequenceState>(policy, audit), kPrompt}};
  Measured measured;
  for (int from = 0; from < kEnd; from += chunk) {
    const std::vector<float> part = runner.run({from}, {std::min(kEnd, from + chunk)}, 2);
    measured.outputs.insert(measured.outputs.end(), part.begin(), part.end());
    measured.totals.add(runner.report.sequences[0].audit);
  }
  return measured;
}

/** The mean over all rows of ||sparse - dense|| / ||dense|| per head. */
double error_between(const Shape& shape, const std::vector<float>& sparse, const std::vector<float>& dense) {
  const size_t dim = static_cast<size_t>(shape.head_dim);
  double sum = 0.0;
  for (size_t at = 0; at < sparse.size(); at += dim) {
    double difference = 0.0, norm = 0.0;
    for (size_t d = 0; d < dim; ++d) {
      difference += std::pow(static_cast<double>(sparse[at + d]) - dense[at + d], 2);
      norm += std::pow(static_cast<double>(dense[at + d]), 2);
    }
    sum += std::sqrt(difference / norm);
  }
  return sum / static_cast<double>(sparse.size() / dim);
}

void audits_measure_what_was_lost(KvDtype dtype) {
  const Shape shape = shape_of(dtype);
  const World world(shape, {{0, kEnd}}, 5);
  const Measured plain = run(world, mask_plan(3, 60), {}, 100);
  expect(plain.totals.samples == 0, "nothing is audited unless asked for " + name_of(shape), 0, 0);
  const Measured all = run(world, mask_plan(3, 60), {1, 1.0}, 100);
  expect(same_bits(all.outputs, plain.outputs), "an audit changes no bit " + name_of(shape), 0, 0);
  const double samples = static_cast<double>(all.totals.samples);
  expect(samples == kEnd * shape.kv_heads, "a share of 1 audits every query of every KV head " + name_of(shape), samples, kEnd * 2);
  const Measured dense = run(world, dense_plan(), {1, 1.0}, 100);
  expect(dense.totals.samples == 0, "dense queries are not audited " + name_of(shape), 0, 0);
  const double error = error_between(shape, all.outputs, dense.outputs);
  expect_below(std::fabs(all.totals.error_sum / samples - error), 1e-4, "the error is that of the output " + name_of(shape));
  const double recall = all.totals.recall_sum / samples;
  // Of 340 keys with random logits a query of the end keeps 63.
  expect(recall > 0.3 && recall < 0.7 && all.totals.recall_least < 0.3, "the recall is the share of the mass " + name_of(shape), recall, 0.5);
  const Measured wide = run(world, mask_plan(0, kEnd), {1, 1.0}, 100);
  expect(wide.totals.error_sum == 0.0 && wide.totals.recall_least == 1.0, "who leaves nothing out loses nothing " + name_of(shape), wide.totals.error_sum, 0);
}

void samples_depend_on_positions_alone(KvDtype dtype) {
  const Shape shape = shape_of(dtype);
  const World world(shape, {{0, kEnd}}, 7);
  const Measured once = run(world, mask_plan(3, 60), {9, 0.2}, kEnd);
  const Measured cut = run(world, mask_plan(3, 60), {9, 0.2}, 17);
  const bool same = once.totals.samples == cut.totals.samples && std::fabs(once.totals.recall_sum - cut.totals.recall_sum) < 1e-9 &&
                    std::fabs(once.totals.error_sum - cut.totals.error_sum) < 1e-9 && once.totals.recall_least == cut.totals.recall_least;
  expect(same, "chunks change no audit " + name_of(shape), 0, 0);
  const double share = static_cast<double>(once.totals.samples) / (kEnd * shape.kv_heads);
  expect(share > 0.12 && share < 0.28, "about the share asked for is audited " + name_of(shape), share, 0.2);
  expect(run(world, mask_plan(3, 60), {10, 0.2}, kEnd).totals.recall_sum != once.totals.recall_sum, "another key has other samples " + name_of(shape), 0, 0);
}

HeadPlan summary_plan() {
  HeadPlan plan = mask_plan(4, 50);
  plan.summary = true;
  return plan;
}

std::vector<float> summarised(const World& world, int step) {
  Runner runner(world, 3);
  runner.policies = {under(policy_of(world.shape, {dense_plan()}, {summary_plan()}), 0, kPrompt)};
  in_chunks_of(runner, 0, kPrompt, 128);
  return in_chunks_of(runner, kPrompt, kEnd, step);
}

/** Where all that is dropped is one key and one value, its summary is exact. */
void equal_rows_are_summarised_exactly(KvDtype dtype) {
  Shape shape = shape_of(dtype);
  shape.rope_dim = 0;
  World world(shape, {{kPrompt, kEnd - kPrompt}}, 11);
  const size_t row = static_cast<size_t>(world.row_floats()), first = static_cast<size_t>(shape.heads * shape.head_dim);
  std::vector<float>& qkv = world.qkv[0];
  for (size_t token = 5; token < static_cast<size_t>(kPrompt - 10); ++token) {
    std::copy(qkv.begin() + static_cast<ptrdiff_t>(4 * row + first), qkv.begin() + static_cast<ptrdiff_t>(5 * row),
              qkv.begin() + static_cast<ptrdiff_t>(token * row + first));
  }
  const std::vector<float> outputs = summarised(world, 1);
  expect_below(relative_error(outputs, Reference(world).fresh_outputs()), tolerance(shape), "equal rows are summarised exactly " + name_of(shape));
  expect(same_bits(summarised(world, 8), outputs), "steps change no bit of a summary " + name_of(shape), 0, 0);
}

void test_rules() {
  for (const KvDtype dtype : kKvDtypes) {
    if (kernels_under_test(dtype) == nullptr) continue;
    audits_measure_what_was_lost(dtype);
    samples_depend_on_positions_alone(dtype);
    equal_rows_are_summarised_exactly(dtype);
  }
}

}  // namespace
}  // namespace longhaul::test

int main() {
  using namespace longhaul;
  for (const std::string& level : test::available_levels()) {
    test::level_under_test = level;
    test::test_rules();
  }
  return test::report();
}
