#include <algorithm>
#include <numeric>

#include "../scoring/scoring.h"
#include "../scoring/select.h"
#include "head_probe.h"

namespace longhaul::attention {
namespace {

/** Units of keys, as large as blocks of queries: numbers from the first one on. */
int units_of(const QueryBlock& block) { return block.first_position / kBlockTokens + 1; }

/** Adds the attention of the block's queries to the units of their keys. */
void add_true_mass(const AttentionProblem& p, const QueryBlock& block, std::vector<float>& mass) {
  thread_local std::vector<float> columns, diagonals;
  for (int token = 0; token < block.tokens; token += kVerticalSlashQueries) {
    const int count = std::min(kVerticalSlashQueries, block.tokens - token);
    const QueryBlock part = dense_block(p, block.sequence, block.kv_head, block.first_position + token, count);
    const size_t tokens = static_cast<size_t>(visible_tokens(part).size());
    columns.resize(tokens);
    diagonals.resize(tokens);
    score_vertical_slash({p, part}, columns.data(), diagonals.data());
    for (size_t i = 0; i < tokens; ++i) mass[i / kBlockTokens] += columns[i];
  }
}

}  // namespace

bool has_candidates(const QueryBlock& block) { return block.tokens == kBlockTokens && units_of(block) > 2; }

void probe_blocks(const ProbeCall& call, const QueryBlock& block) {
  const AttentionProblem& p = call.problem;
  const size_t units = static_cast<size_t>(units_of(block));
  thread_local std::vector<float> scores, mass;
  thread_local std::vector<int32_t> chosen;
  scores.resize(units);
  score_antidiagonal({p, block}, call.facts.stride, kBlockTokens, scores.data());
  mass.assign(units, 0.0f);
  add_true_mass(p, block, mass);
  const double total = std::accumulate(mass.begin(), mass.end(), 0.0);
  const size_t count = call.facts.masses.size();
  double* kept = call.of_head(call.sums.mass_kept, p.kv_heads, block.kv_head, count);
  double* read = call.of_head(call.sums.units_read, p.kv_heads, block.kv_head, count);
  // The first unit and the last one are always read.
  const float forced = scores.front() + scores.back();
  for (size_t i = 0; i < count; ++i) {
    select_top_cdf(scores.data() + 1, static_cast<int>(units) - 2, call.facts.masses[i], forced, 0, kUnbounded, chosen);
    double sum = static_cast<double>(mass.front()) + mass.back();
    for (const int32_t unit : chosen) sum += mass[static_cast<size_t>(unit) + 1];
    kept[i] += total > 0.0 ? sum / total : 1.0;
    read[i] += 2.0 + static_cast<double>(chosen.size());
  }
}

}  // namespace longhaul::attention
