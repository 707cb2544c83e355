#include "probe.h"

#include <algorithm>
#include <string>

#include "../../fault.h"
#include "head_probe.h"

namespace longhaul::attention {
namespace {

constexpr size_t kMaxEntries = 64;
/** Numbers that a probe keeps at most: 256 MiB. */
constexpr double kMaxNumbers = 32.0 * 1024 * 1024;

void require_between(const char* field, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high)
    throw invalid(field, "must be in [" + std::to_string(low) + ", " + std::to_string(high) + "], got " + std::to_string(value));
}

size_t product(std::initializer_list<int> sizes) {
  size_t result = 1;
  for (const int size : sizes) result *= static_cast<size_t>(size);
  return result;
}

ProbeSums empty_sums(const ProbeFacts& f) {
  const auto zeros = [](bool asked, size_t size) { return std::vector<double>(asked ? size : 0); };
  const size_t layers = static_cast<size_t>(f.layers);
  const size_t masses = product({f.layers, f.kv_heads}) * f.masses.size();
  ProbeSums sums;
  sums.tokens = zeros(true, layers);
  sums.far_tokens = zeros(true, layers);
  sums.distance_mass = zeros(true, product({f.layers, f.heads}) * f.distances.size());
  sums.products = zeros(f.products, product({f.layers, f.kv_heads, f.head_dim}));
  sums.query_sums = zeros(f.means, product({f.layers, f.heads, f.head_dim}));
  sums.key_sums = zeros(f.means, product({f.layers, f.kv_heads, f.head_dim}));
  sums.blocks = zeros(true, layers);
  sums.units_visible = zeros(true, layers);
  sums.mass_kept = zeros(f.stride > 0, masses);
  sums.units_read = zeros(f.stride > 0, masses);
  return sums;
}

/** Calls body(block) for the blocks of a KV head: what the call brought, cut at multiples of kBlockTokens. */
template <class Body>
void for_each_block(const AttentionProblem& p, int kv_head, const Body& body) {
  for (int sequence = 0; sequence < p.batch; ++sequence) {
    if (p.skipped != nullptr && p.skipped[sequence] != 0) continue;
    const Span span = span_of(p, sequence);
    for (int first = span.first_position; first < span.end_position();) {
      const int end = std::min((first / kBlockTokens + 1) * kBlockTokens, span.end_position());
      body(dense_block(p, sequence, kv_head, first, end - first));
      first = end;
    }
  }
}

void observe_head(const ProbeCall& call, int kv_head) {
  const ProbeFacts& facts = call.facts;
  for_each_block(call.problem, kv_head, [&](const QueryBlock& block) {
    if (!facts.distances.empty()) probe_distances(call, block);
    if (facts.products) probe_products(call, block);
    if (facts.means) probe_means(call, block);
    if (facts.stride > 0 && call.problem.window == 0 && has_candidates(block)) probe_blocks(call, block);
  });
}

/** What is the same for all heads of a layer. */
void count_queries(const ProbeCall& call) {
  const AttentionProblem& p = call.problem;
  const size_t layer = static_cast<size_t>(p.layer);
  for_each_block(p, 0, [&](const QueryBlock& block) {
    call.sums.tokens[layer] += block.tokens;
    call.sums.far_tokens[layer] += std::clamp(block.first_position + block.tokens - call.facts.from_position, 0, block.tokens);
    if (call.facts.stride == 0 || p.window > 0 || !has_candidates(block)) return;
    call.sums.blocks[layer] += 1;
    call.sums.units_visible[layer] += block.first_position / kBlockTokens + 1;
  });
}

void require_same(const AttentionProblem& p, const ProbeFacts& facts) {
  if (p.heads != facts.heads || p.kv_heads != facts.kv_heads || p.head_dim != facts.head_dim || p.layer >= facts.layers)
    throw invalid("probe", "is for " + std::to_string(facts.layers) + " layers of " + std::to_string(facts.heads) + " heads over " +
                               std::to_string(facts.kv_heads) + " KV heads of " + std::to_string(facts.head_dim) + " dimensions");
  if (!p.head_tables.empty()) throw invalid("probe", "goes with sequences whose heads share their pages");
}

}  // namespace

void ProbeFacts::require_sound() const {
  require_between("layers", layers, 1, 1024);
  require_between("kvHeads", kv_heads, 1, 1024);
  require_between("heads", heads, kv_heads, 4096);
  if (heads % kv_heads != 0) throw invalid("heads", "must be a multiple of kvHeads");
  require_between("headDim", head_dim, kMinHeadDim, kMaxHeadDim);
  require_between("distances", static_cast<int64_t>(distances.size()), 0, kMaxEntries);
  for (const int32_t distance : distances) require_between("distances", distance, 1, kUnbounded);
  require_between("fromPosition", from_position, 0, kUnbounded);
  if (stride != 0 && stride != 4 && stride != 8 && stride != 16) throw invalid("stride", "must be 0, 4, 8 or 16");
  require_between("masses", static_cast<int64_t>(masses.size()), stride > 0 ? 1 : 0, stride > 0 ? kMaxEntries : 0);
  for (const float mass : masses) {
    if (!(mass > 0.0f && mass <= 1.0f)) throw invalid("masses", "must be in (0, 1]");
  }
  const double by_head = static_cast<double>(layers) * heads;
  const double numbers = by_head * static_cast<double>(distances.size() + 2 * masses.size() + 3 * static_cast<size_t>(head_dim));
  if (numbers > kMaxNumbers) throw invalid("layers", "with so many heads, distances and masses is more than a probe keeps");
}

AttentionProbe::AttentionProbe(ProbeFacts facts) : facts_(std::move(facts)) {
  facts_.require_sound();
  sums_ = empty_sums(facts_);
}

void AttentionProbe::observe(const AttentionProblem& problem, const KernelTable& kernels, const ParallelFor& parallel_for) {
  require_same(problem, facts_);
  std::lock_guard lock(mutex_);
  ProbeCall call{problem, kernels, facts_, sums_};
  count_queries(call);
  parallel_for(
      static_cast<size_t>(problem.kv_heads),
      [](void* user, size_t head) { observe_head(*static_cast<const ProbeCall*>(user), static_cast<int>(head)); }, &call);
}

ProbeSums AttentionProbe::sums() const {
  std::lock_guard lock(mutex_);
  return sums_;
}

}  // namespace longhaul::attention
