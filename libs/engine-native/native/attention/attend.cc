// Orchestration of one attention call: append, execute tiles, merge the splits.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "plan.h"
#include "policy/audit.h"
#include "policy/policy_selector.h"
#include "policy/summary.h"
#include "probe/probe.h"
#include "scoring/scoring.h"

namespace longhaul {
namespace attention {
namespace {

/** Below this much work (pages x dimensions x rows; about 20 us) threads cost more than they bring. */
constexpr double kSerialCost = 20'000.0;
/** Likewise for appending, in floats of qkv. */
constexpr size_t kSerialAppendFloats = 65'536;

/** Everything one call needs besides its problem; one per calling thread, reused. */
struct Workspace {
  Plan plan;
  std::vector<float> values;
  std::vector<float> scalars;
  std::unique_ptr<std::atomic<int>[]> pending;
  size_t pending_capacity = 0;
  /** By query block. */
  std::vector<Selection> selections;
  /** Dense results of audited queries, [group][head_dim] and [group] each. */
  std::vector<AuditedRow> audited;
  std::vector<float> audit_values;
  std::vector<float> audit_lse;

  void prepare_audit(const AttentionProblem& problem) {
    sample_rows(problem, plan.blocks, audited);
    const size_t rows = audited.size() * static_cast<size_t>(problem.heads / problem.kv_heads);
    if (audit_lse.size() < rows) audit_lse.resize(rows);
    if (audit_values.size() < rows * static_cast<size_t>(problem.head_dim)) audit_values.resize(rows * static_cast<size_t>(problem.head_dim));
  }

  void begin(const AttentionProblem& problem) {
    plan.begin(problem);
    if (plan.selection_runs.empty()) return;
    if (selections.size() < plan.blocks.size()) selections.resize(plan.blocks.size());
    for (size_t i = 0; i < plan.blocks.size(); ++i) selections[i].clear();
  }

  void prepare_tiles(const AttentionProblem& problem) {
    plan.add_tiles(problem, selections);
    if (values.size() < plan.partial_floats) values.resize(plan.partial_floats);
    if (scalars.size() < plan.scalar_floats) scalars.resize(plan.scalar_floats);
    if (pending_capacity < plan.merges.size()) {
      pending_capacity = plan.merges.size() * 2;
      pending = std::make_unique<std::atomic<int>[]>(pending_capacity);
    }
    for (size_t i = 0; i < plan.merges.size(); ++i) {
      pending[i].store(plan.merges[i].partials, std::memory_order_relaxed);
    }
  }
};

struct Call {
  const AttentionProblem& problem;
  const KernelTable& kernels;
  Workspace& work;
  /** That share the units. */
  int threads = 1;
  std::atomic<size_t> next{0};
  std::atomic<uint64_t> select_ns{0};
  uint64_t score_bytes = 0;

  int group() const { return problem.heads / problem.kv_heads; }

  /** Of the group of a KV head; before its unit has run, the queries are there. */
  float* output_at(int row, int kv_head) const {
    return problem.out + (static_cast<size_t>(row) * problem.heads + static_cast<size_t>(kv_head) * group()) * problem.head_dim;
  }

  float* output_of(const Unit& unit) const { return output_at(unit.first_token, unit.kv_head); }

  size_t output_stride() const { return static_cast<size_t>(problem.heads) * problem.head_dim; }
};

/** What the sink of a head leaves of an output whose logarithm of summed exponentials is `lse`. */
float sink_factor(float lse, float sink) { return 1.0f / (1.0f + std::exp(sink - lse)); }

void apply_sinks(const Call& call, const Unit& unit, const float* lse) {
  const AttentionProblem& p = call.problem;
  for (int row = 0; row < unit.tokens * call.group(); ++row) {
    const int head = row % call.group();
    float* out = call.output_of(unit) + static_cast<size_t>(row / call.group()) * call.output_stride() +
                 static_cast<size_t>(head) * p.head_dim;
    const float factor = sink_factor(lse[row], p.sinks[unit.kv_head * call.group() + head]);
    for (int d = 0; d < p.head_dim; ++d) out[d] *= factor;
  }
}

/** Adds the splits of one row; returns its lse. */
float merge_row(const Call& call, const Merge& merge, size_t row, float* out) {
  const size_t dim = static_cast<size_t>(call.problem.head_dim);
  const Partial* splits = call.work.plan.partials.data() + merge.first_partial;
  const float* scalars = call.work.scalars.data();
  thread_local std::vector<RowPart> parts;
  parts.clear();
  for (int i = 0; i < merge.partials; ++i) {
    parts.push_back({call.work.values.data() + splits[i].offset + row * dim, scalars[splits[i].maxima_offset + row],
                     scalars[splits[i].sums_offset + row]});
  }
  return call.kernels.merge_row(parts.data(), merge.partials, call.problem.head_dim, out);
}

void merge_splits(const Call& call, const Unit& unit, std::vector<float>& lse) {
  const Merge& merge = call.work.plan.merges[static_cast<size_t>(unit.merge)];
  const int rows = unit.tokens * call.group();
  for (int row = 0; row < rows; ++row) {
    float* out = call.output_of(unit) + static_cast<size_t>(row / call.group()) * call.output_stride() +
                 static_cast<size_t>(row % call.group()) * call.problem.head_dim;
    lse[static_cast<size_t>(row)] = merge_row(call, merge, static_cast<size_t>(row), out);
  }
}

const int32_t* block_row_of(const Call& call, const Unit& unit) {
  return call.problem.page_row(unit.sequence, unit.kv_head);
}

/** The unit that the thread which runs units[index] is likely to take next. */
TileAhead ahead_of(const Call& call, size_t index) {
  const size_t next = index + static_cast<size_t>(call.threads);
  if (next >= call.work.plan.units.size()) return {};
  const Unit& unit = call.work.plan.units[next];
  return {unit.pages, block_row_of(call, unit), unit.kv_head};
}

/** Of the policy of the unit's sequence, in units of log2. */
float skip_of(const AttentionProblem& p, const QueryBlock& block) {
  return block.owner < 0 ? 0.0f : p.policies[static_cast<size_t>(block.owner)].state->policy().skip_softmax() * kLog2e;
}

/** What the tiles of a block have in common. */
TileJob job_of(const Call& call, const QueryBlock& block) {
  const AttentionProblem& p = call.problem;
  TileJob job{};
  job.pool = p.pool;
  job.layer = p.layer;
  job.kv_head = block.kv_head;
  job.group = call.group();
  job.softcap_log2 = p.softcap > 0.0f ? p.softcap * kLog2e : 0.0f;
  job.q_stride = job.out_stride = call.output_stride();
  job.block_row = p.page_row(block.sequence, block.kv_head);
  job.block_pages = block_pages(p.head_dim);
  job.split_pages = kSplitPages;
  return job;
}

/** Dense attention of an audited query, into the scratch of the audit. */
void audit_one(Call& call, size_t index) {
  const AuditedRow& audited = call.work.audited[index];
  const QueryBlock& block = call.work.plan.blocks[static_cast<size_t>(audited.block)];
  const size_t first = index * static_cast<size_t>(call.group());
  const int position = block.first_position + audited.token;
  TileJob job = job_of(call, block);
  job.tokens = 1;
  job.first_position = position;
  job.window = call.problem.window;
  job.q = call.output_at(block.first_token + audited.token, block.kv_head);
  job.out = call.work.audit_values.data() + first * static_cast<size_t>(call.problem.head_dim);
  job.lse = call.work.audit_lse.data() + first;
  job.pages = visible_to(block.visible, job.window, position);
  call.kernels.run_tile(job);
}

/** Compares the audited queries of a unit, whose rows are complete but for learned sinks, with their dense results. */
void finish_audit(const Call& call, const Unit& unit, const float* lse) {
  std::vector<AuditedRow>& audited = call.work.audited;
  const int first = unit.first_token - call.work.plan.blocks[static_cast<size_t>(unit.block)].first_token;
  const auto before = [](const AuditedRow& row, const std::pair<int, int>& at) { return std::pair{row.block, row.token} < at; };
  auto row = std::lower_bound(audited.begin(), audited.end(), std::pair{unit.block, first}, before);
  for (; row != audited.end() && row->block == unit.block && row->token < first + unit.tokens; ++row) {
    const size_t at = static_cast<size_t>(row - audited.begin()) * static_cast<size_t>(call.group());
    const int token = row->token - first;
    const size_t dim = static_cast<size_t>(call.problem.head_dim);
    const RowResult sparse{call.output_at(unit.first_token + token, unit.kv_head), dim, lse + token * call.group()};
    row->totals = compare(call.problem, sparse, {call.work.audit_values.data() + at * dim, dim, call.work.audit_lse.data() + at});
  }
}

/** Adds the summary of what the unit's list drops; a unit of a plan with summaries is one query. */
void finish_summary(const Call& call, const Unit& unit, float* lse) {
  const Selection& selection = call.work.selections[static_cast<size_t>(unit.block)];
  if (selection.summary_logits.empty()) return;
  const size_t dim = static_cast<size_t>(call.problem.head_dim);
  for (int head = 0; head < call.group(); ++head) {
    lse[head] = add_summary(selection.summary_logits[static_cast<size_t>(head)], selection.summary_value.data(), call.problem.head_dim,
                            lse[head], call.output_of(unit) + static_cast<size_t>(head) * dim);
  }
}

void run_unit(const Call& call, size_t index) {
  const AttentionProblem& p = call.problem;
  const Unit& unit = call.work.plan.units[index];
  const QueryBlock& block = call.work.plan.blocks[static_cast<size_t>(unit.block)];
  const StaticMask mask = mask_of(p, block);
  thread_local std::vector<float> own_lse;
  own_lse.resize(static_cast<size_t>(unit.tokens) * call.group());
  TileJob job = job_of(call, block);
  job.tokens = unit.tokens;
  job.first_position = block.first_position + unit.first_token - block.first_token;
  job.window = mask.window;
  job.sink = mask.sink;
  job.reach = mask.reach;
  job.skip_log2 = skip_of(p, block);
  job.q = job.out = call.output_of(unit);
  job.lse = own_lse.data();
  job.ahead = ahead_of(call, index);
  job.pages = unit.pages;
  job.page_tokens = unit.page_tokens;
  if (unit.merge >= 0) {
    const Partial& partial = call.work.plan.partials[static_cast<size_t>(unit.partial)];
    job.out = call.work.values.data() + partial.offset;
    job.out_stride = static_cast<size_t>(call.group()) * p.head_dim;
    job.lse = nullptr;
    job.maxima = call.work.scalars.data() + partial.maxima_offset;
    job.sums = call.work.scalars.data() + partial.sums_offset;
  }
  call.kernels.run_tile(job);
  if (unit.merge >= 0) {
    // The last split to finish reads the others' results, hence acquire; it alone writes over the queries.
    if (call.work.pending[static_cast<size_t>(unit.merge)].fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    merge_splits(call, unit, own_lse);
  }
  if (block.plan != nullptr && block.plan->summary) finish_summary(call, unit, own_lse.data());
  if (!call.work.audited.empty()) finish_audit(call, unit, own_lse.data());
  if (p.sinks != nullptr) apply_sinks(call, unit, own_lse.data());
}

/** Runs body(call, i) for all i < count on all threads: each takes the next index, so long items first balance well. */
template <void (*Body)(Call&, size_t)>
void for_each(Call& call, size_t count, bool serial, const ParallelFor& parallel_for) {
  if (serial || parallel_for.threads <= 1 || count <= 1) {
    for (size_t i = 0; i < count; ++i) Body(call, i);
    return;
  }
  struct Loop {
    Call& call;
    size_t count;
  } loop{call, count};
  call.next.store(0, std::memory_order_relaxed);
  const size_t workers = std::min(count, static_cast<size_t>(parallel_for.threads));
  parallel_for(
      workers,
      [](void* user, size_t) {
        Loop& shared = *static_cast<Loop*>(user);
        for (;;) {
          const size_t index = shared.call.next.fetch_add(1, std::memory_order_relaxed);
          if (index >= shared.count) return;
          Body(shared.call, index);
        }
      },
      &loop);
}

void clear_skipped(const AttentionProblem& p) {
  const size_t stride = static_cast<size_t>(p.heads) * p.head_dim;
  for (int sequence = 0; sequence < p.batch; ++sequence) {
    if (!is_skipped(p, sequence)) continue;
    std::fill(p.out + stride * p.cu_seqlens[sequence], p.out + stride * p.cu_seqlens[sequence + 1], 0.0f);
  }
}

const KernelTable& kernels_of(const AttentionProblem& p) {
  return p.kernels != nullptr ? *p.kernels : *cpu::last_supported(attention_candidates(p.pool.dtype)).table;
}

void append_one(Call& call, size_t index) {
  const AppendRun& run = call.work.plan.runs[index];
  call.kernels.append(call.problem, run);
  if (call.problem.selector == nullptr) return;
  call.problem.selector->appended(call.problem, {run.sequence, run.logical, run.slot, run.tokens});
}

const Selector& selector_of(const AttentionProblem& p) {
  static const PolicySelector by_policies;
  return p.selector != nullptr ? *p.selector : by_policies;
}

void select_run(Call& call, size_t index) {
  const auto begun = std::chrono::steady_clock::now();
  const SelectionRun& run = call.work.plan.selection_runs[index];
  for (int block = run.begin; block < run.end; ++block) {
    const size_t at = static_cast<size_t>(block);
    selector_of(call.problem).select(call.problem, call.work.plan.blocks[at], call.work.selections[at]);
  }
  const auto taken = std::chrono::steady_clock::now() - begun;
  call.select_ns.fetch_add(static_cast<uint64_t>(std::chrono::nanoseconds(taken).count()), std::memory_order_relaxed);
}

void execute_one(Call& call, size_t index) { run_unit(call, index); }

AttentionReport report_of(const Call& call) {
  const AttentionProblem& p = call.problem;
  const Plan& plan = call.work.plan;
  const uint64_t slice = slice_bytes(p.pool.dtype, p.head_dim);
  AttentionReport report{plan.slices_read * slice, plan.densities, call.select_ns, call.score_bytes};
  for (SequenceDensity& density : report.sequences) density.kv_read_bytes *= slice;
  // In order: the sums are the same whoever ran the units.
  for (const AuditedRow& row : call.work.audited) report.sequences[static_cast<size_t>(plan.blocks[static_cast<size_t>(row.block)].owner)].audit.add(row.totals);
  return report;
}

}  // namespace
}  // namespace attention

AttentionReport attend(const AttentionProblem& problem, const ParallelFor& parallel_for) {
  using namespace attention;
  thread_local Workspace workspace;
  workspace.begin(problem);
  Call call{problem, kernels_of(problem), workspace};
  if (problem.selector == nullptr) call.score_bytes = score_bytes(problem, workspace.plan.blocks);
  clear_skipped(problem);
  const size_t rows = problem.batch > 0 ? static_cast<size_t>(problem.cu_seqlens[problem.batch]) : 0;
  const size_t floats = rows * static_cast<size_t>(problem.heads + 2 * problem.kv_heads) * problem.head_dim;
  for_each<append_one>(call, workspace.plan.runs.size(), floats < kSerialAppendFloats, parallel_for);
  for_each<select_run>(call, workspace.plan.selection_runs.size(), false, parallel_for);
  if (problem.probe != nullptr) problem.probe->observe(problem, call.kernels, parallel_for);
  workspace.prepare_tiles(problem);
  // Before anything is executed: outputs take the place of the queries.
  workspace.prepare_audit(problem);
  for_each<audit_one>(call, workspace.audited.size(), false, parallel_for);
  const bool serial = workspace.plan.cost < kSerialCost;
  if (!serial) call.threads = std::max(1, parallel_for.threads);
  for_each<execute_one>(call, workspace.plan.units.size(), serial, parallel_for);
  return report_of(call);
}

}  // namespace longhaul
