// Tests of the probe: what it adds up is what attention from its definition does, it changes no result, and neither chunks nor
// threads change what it finds.
#include "../probe.h"

#include "../../test/checks.h"
#include "../../test/policies.h"
#include "../../test/reference.h"
#include "../../../fault.h"

namespace longhaul::test {
namespace {

using attention::AttentionProbe;
using attention::ProbeFacts;
using attention::ProbeSums;

constexpr int kTokens = 512 + 40;
/** Runner's. */
constexpr size_t kLayer = 1;

Shape shape_of(KvDtype dtype) {
  Shape shape = grouped_shape(dtype, 0);
  shape.heads = 6;
  shape.kv_heads = 2;
  return shape;
}

ProbeFacts facts_of(const Shape& shape) {
  ProbeFacts facts;
  facts.layers = Runner::kLayers;
  facts.heads = shape.heads;
  facts.kv_heads = shape.kv_heads;
  facts.head_dim = shape.head_dim;
  return facts;
}

struct Probed {
  std::vector<float> outputs;
  ProbeSums sums;
};

Probed probed(const World& world, const ProbeFacts& facts, int chunk, int threads = 2) {
  AttentionProbe probe(facts);
  Runner runner(world, 3);
  runner.probe = &probe;
  Probed result;
  for (int from = 0; from < kTokens; from += chunk) {
    const std::vector<float> part = runner.run({from}, {std::min(kTokens, from + chunk)}, threads);
    result.outputs.insert(result.outputs.end(), part.begin(), part.end());
  }
  result.sums = probe.sums();
  return result;
}

/** [position] the keys that the pool keeps of a KV head, from their definition. Worlds without norms. */
std::vector<std::vector<double>> kept_keys(const World& world, int kv_head) {
  const Reference reference(world);
  std::vector<std::vector<double>> keys;
  for (int position = 0; position < kTokens; ++position) keys.push_back(kept(world.shape.dtype, reference.query(0, position, world.shape.heads + kv_head)));
  return keys;
}

/** Shares of a query's attention by key, from its definition. */
std::vector<double> shares(const World& world, int position, int head, const std::vector<std::vector<double>>& keys) {
  const Shape& s = world.shape;
  const std::vector<double> q = Reference(world).query(0, position, head);
  std::vector<double> weights(static_cast<size_t>(position) + 1, 0.0);
  double total = 0.0;
  for (int key = s.window > 0 ? std::max(0, position - s.window + 1) : 0; key <= position; ++key) {
    double logit = 0.0;
    for (int d = 0; d < s.head_dim; ++d) logit += q[d] * keys[static_cast<size_t>(key)][d];
    logit *= world.scale();
    if (s.softcap > 0.0f) logit = s.softcap * std::tanh(logit / s.softcap);
    total += weights[static_cast<size_t>(key)] = std::exp(logit);
  }
  for (double& weight : weights) weight /= total;
  return weights;
}

void distances_have_their_share(Shape shape) {
  const World world(shape, {{0, kTokens}}, 5);
  ProbeFacts facts = facts_of(shape);
  facts.distances = {1, 30, 299};
  facts.from_position = 300;
  const Probed found = probed(world, facts, 200);
  expect(found.sums.far_tokens[kLayer] == kTokens - 300, "queries from a position on are asked " + name_of(shape), found.sums.far_tokens[kLayer], kTokens - 300);
  expect(found.sums.tokens[kLayer] == kTokens && found.sums.tokens[0] == 0, "queries are counted by layer " + name_of(shape), found.sums.tokens[0], 0);
  for (const int head : {0, 3, 5}) {
    const std::vector<std::vector<double>> keys = kept_keys(world, head / 3);
    double expected[3] = {};
    for (int position = 300; position < kTokens; ++position) {
      const std::vector<double> share = shares(world, position, head, keys);
      for (int i = 0; i < 3; ++i) expected[i] += share[static_cast<size_t>(position - facts.distances[static_cast<size_t>(i)])];
    }
    for (int i = 0; i < 3; ++i) {
      const double value = found.sums.distance_mass[(kLayer * static_cast<size_t>(shape.heads) + static_cast<size_t>(head)) * 3 + static_cast<size_t>(i)];
      const double off = expected[i] == 0.0 ? value : std::fabs(value / expected[i] - 1.0);
      expect_below(off, 20 * tolerance(shape), "a distance has its share " + name_of(shape));
    }
  }
}

void products_are_of_a_token_with_itself(const Shape& shape) {
  const World world(shape, {{0, kTokens}}, 7);
  ProbeFacts facts = facts_of(shape);
  facts.products = true;
  const std::vector<double> found = probed(world, facts, 128).sums.products;
  const Reference reference(world);
  double difference = 0.0, norm = 0.0;
  for (int kv_head = 0; kv_head < shape.kv_heads; ++kv_head) {
    std::vector<double> expected(static_cast<size_t>(shape.head_dim), 0.0);
    for (int position = 0; position < kTokens; ++position) {
      const std::vector<double> key = kept(shape.dtype, reference.query(0, position, shape.heads + kv_head));
      for (int head = kv_head * 3; head < kv_head * 3 + 3; ++head) {
        const std::vector<double> query = reference.query(0, position, head);
        for (size_t d = 0; d < key.size(); ++d) expected[d] += std::fabs(query[d] * key[d]) * world.scale() * 1.4426950408889634;
      }
    }
    for (size_t d = 0; d < expected.size(); ++d) {
      const double value = found[(kLayer * static_cast<size_t>(shape.kv_heads) + static_cast<size_t>(kv_head)) * expected.size() + d];
      difference += (value - expected[d]) * (value - expected[d]);
      norm += expected[d] * expected[d];
    }
  }
  expect_below(std::sqrt(difference / norm), tolerance(shape), "products are those of a token with itself " + name_of(shape));
}

/** Of the raw rows: without rotation, with their norm where the model has one. */
void means_are_before_rotation(Shape shape) {
  for (const bool norms : {false, true}) {
    shape.norms = norms;
    const World world(shape, {{0, kTokens}}, 9);
    ProbeFacts facts = facts_of(shape);
    facts.means = true;
    const ProbeSums found = probed(world, facts, 128).sums;
    Shape still = shape;
    still.rope_dim = 0;
    World unrotated = world;
    unrotated.shape = still;
    unrotated.rope.assign(1, {});
    const Reference reference(unrotated);
    double worst = 0.0;
    for (int d = 0; d < shape.head_dim; ++d) {
      double query = 0.0;
      for (int position = 0; position < kTokens; ++position) query += reference.query(0, position, 4)[static_cast<size_t>(d)];
      worst = std::max(worst, std::fabs(found.query_sums[(kLayer * 6 + 4) * static_cast<size_t>(shape.head_dim) + static_cast<size_t>(d)] - query));
    }
    expect_below(worst, 1e-3, "sums of queries are before rotation " + name_of(shape));
    double keys = 0.0;
    for (const double sum : found.key_sums) keys += std::fabs(sum);
    expect(keys > 1.0, "keys are summed, too " + name_of(shape), keys, 1.0);
  }
}

/** Audits of the same selection are about the same queries: those of blocks without candidates lose nothing. */
void blocks_keep_what_their_selection_keeps(const Shape& shape) {
  const World world(shape, {{0, kTokens}}, 11);
  ProbeFacts facts = facts_of(shape);
  facts.stride = 8;
  facts.masses = {0.3f, 0.6f, 1.0f};
  const ProbeSums found = probed(world, facts, 128).sums;
  expect(found.blocks[kLayer] == 2 && found.units_visible[kLayer] == 3 + 4, "whole blocks with candidates are looked at " + name_of(shape),
         found.blocks[kLayer], 2);
  for (size_t i = 0; i < facts.masses.size(); ++i) {
    HeadPlan plan;
    plan.rule = Rule::kTopCdf;
    plan.scorer = attention::Scorer::kAntidiagonal;
    plan.head_reduce = attention::HeadReduce::kSum;
    plan.stride = facts.stride;
    plan.unit_tokens = 128;
    plan.sink_tokens = 1;
    plan.window_tokens = 1;
    plan.mass = facts.masses[i];
    Runner runner(world, 3);
    const auto policy = policy_of(shape, {plan}, {dense_plan()});
    runner.policies = {{0, std::make_shared<SequenceState>(policy, attention::AuditSampling{1, 1.0}), kTokens}};
    double recall = 0.0, kept = 256.0 * shape.kv_heads, read = 0.0;
    for (int from = 0; from < 512; from += 128) {
      runner.run({from}, {from + 128}, 2);
      recall += runner.report.sequences[0].audit.recall_sum;
    }
    for (int head = 0; head < shape.kv_heads; ++head) {
      const size_t at = (kLayer * static_cast<size_t>(shape.kv_heads) + static_cast<size_t>(head)) * facts.masses.size() + i;
      kept += 128.0 * found.mass_kept[at];
      read += found.units_read[at];
    }
    expect_below(std::fabs(kept - recall) / recall, 20 * tolerance(shape), "blocks keep what the audit of their selection says " + name_of(shape));
    if (facts.masses[i] == 1.0f) expect(read == (3 + 4) * shape.kv_heads, "a mass of 1 reads everything " + name_of(shape), read, 14);
    else expect(read < (3 + 4) * shape.kv_heads, "less mass reads less " + name_of(shape), read, 14);
  }
}

ProbeFacts everything(const Shape& shape) {
  ProbeFacts facts = facts_of(shape);
  facts.distances = {1, 100};
  facts.products = facts.means = true;
  facts.stride = 16;
  facts.masses = {0.5f};
  return facts;
}

double distance_between(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0.0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::fabs(a[i] - b[i]) / (1.0 + std::fabs(b[i])));
  return worst;
}

void nothing_else_changes(const Shape& shape) {
  const World world(shape, {{0, kTokens}}, 13);
  const Probed one = probed(world, everything(shape), 128, 1), many = probed(world, everything(shape), 128, 4);
  Runner plain(world, 3);
  expect(same_bits(one.outputs, in_chunks_of(plain, 0, kTokens, 128)), "a probe changes no bit " + name_of(shape), 0, 0);
  const bool equal = one.sums.distance_mass == many.sums.distance_mass && one.sums.products == many.sums.products &&
                     one.sums.query_sums == many.sums.query_sums && one.sums.mass_kept == many.sums.mass_kept;
  expect(equal, "threads change no bit of what is found " + name_of(shape), 0, 0);
  const ProbeSums cut = probed(world, everything(shape), 256).sums;
  expect_below(distance_between(cut.distance_mass, one.sums.distance_mass), 20 * tolerance(shape), "chunks change rounding only: distances " + name_of(shape));
  expect_below(distance_between(cut.mass_kept, one.sums.mass_kept), 20 * tolerance(shape), "chunks change rounding only: blocks " + name_of(shape));
}

void faults_name_their_field() {
  const Shape shape = shape_of(KvDtype::kF32);
  const auto refused = [&](const char* field, auto change) {
    ProbeFacts facts = everything(shape);
    change(facts);
    try {
      const AttentionProbe probe(facts);
      expect(false, std::string("refused: ") + field, 0, 0);
    } catch (const Fault& fault) {
      expect(fault.field == field, std::string("names ") + field, 0, 0);
    }
  };
  refused("layers", [](ProbeFacts& f) { f.layers = 0; });
  refused("heads", [](ProbeFacts& f) { f.heads = 5; });
  refused("headDim", [](ProbeFacts& f) { f.head_dim = 512; });
  refused("distances", [](ProbeFacts& f) { f.distances = {0}; });
  refused("distances", [](ProbeFacts& f) { f.distances.assign(65, 1); });
  refused("fromPosition", [](ProbeFacts& f) { f.from_position = -1; });
  refused("stride", [](ProbeFacts& f) { f.stride = 5; });
  refused("masses", [](ProbeFacts& f) { f.masses.clear(); });
  refused("masses", [](ProbeFacts& f) { f.masses = {1.5f}; });
  refused("masses", [](ProbeFacts& f) { f.stride = 0; });
}

void test_rules() {
  for (const KvDtype dtype : kKvDtypes) {
    if (kernels_under_test(dtype) == nullptr) continue;
    const Shape shape = shape_of(dtype);
    distances_have_their_share(shape);
    Shape windowed = shape;
    windowed.window = 77;
    windowed.softcap = 5.0f;
    distances_have_their_share(windowed);
    products_are_of_a_token_with_itself(shape);
    means_are_before_rotation(shape);
    blocks_keep_what_their_selection_keeps(shape);
    nothing_else_changes(shape);
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
  test::faults_name_their_field();
  return test::report();
}
