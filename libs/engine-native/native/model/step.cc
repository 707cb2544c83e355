#include "step.h"

#include <algorithm>
#include <string>
#include <utility>

#include "../attention/probe/probe.h"
#include "../fault.h"
#include "../step/ragged_batch.h"

namespace longhaul::model {
namespace {

constexpr int kMaxLogprobs = 20;

std::string text(int64_t value) { return std::to_string(value); }

void require_length(const char* field, int64_t length, int64_t expected) {
  if (length != expected) throw invalid(field, "must have " + text(expected) + " elements, got " + text(length));
}

void require_index(const char* field, int64_t value, int64_t end) {
  if (value < 0 || value >= end) throw invalid(field, text(value) + " is outside [0, " + text(end) + ")");
}

RaggedBatch require_batch(const StepInput& step) {
  if (step.token_ids.empty()) throw invalid("tokenIds", "must not be empty");
  for (int32_t token : step.token_ids)
    if (token < 0) throw invalid("tokenIds", text(token) + " is negative");
  if (step.facts().past_lens.empty()) throw invalid("pastLens", "must not be empty");
  const RaggedBatch batch = read_batch(step.facts());
  if (batch.tokens != step.tokens()) throw invalid("cuSeqlens", "must end with " + text(step.tokens()));
  return batch;
}

// What a step writes: pages of every KV head in every layer, and pages of one head in one layer.
struct WrittenPages {
  std::vector<int32_t> whole;
  std::vector<std::pair<int64_t, int32_t>> of_head;
};

// Rows of one sequence's tables: every page in range, or let go of and not written to.
void require_head_tables(const StepFacts& step, const RaggedBatch& batch, const HeadTables& tables, WrittenPages& written) {
  const KvPoolView& pool = step.pool->view();
  const int64_t rows = int64_t{pool.layers} * pool.kv_heads, width = step.block_table_width;
  require_length("headTables", static_cast<int64_t>(tables.pages.size()), rows * width);
  const int b = tables.sequence, needed = (batch.total(b) + kPageTokens - 1) / kPageTokens;
  const int first_written = batch.new_tokens(b) ? batch.past[b] / kPageTokens : needed;
  for (int64_t row = 0; row < rows; row++)
    for (int p = 0; p < needed; p++) {
      const int32_t page = tables.pages[static_cast<size_t>(row * width + p)];
      if (page == kNoPage && p < first_written) continue;
      require_index("headTables", page, pool.pages);
      if (p >= first_written) written.of_head.push_back({row, page});
    }
}

void require_written_once(WrittenPages& written) {
  std::sort(written.whole.begin(), written.whole.end());
  const auto twice = std::adjacent_find(written.whole.begin(), written.whole.end());
  if (twice != written.whole.end()) throw invalid("blockTable", "page " + text(*twice) + " would be written twice");
  std::sort(written.of_head.begin(), written.of_head.end());
  for (size_t i = 0; i < written.of_head.size(); i++) {
    const int32_t page = written.of_head[i].second;
    if ((i > 0 && written.of_head[i] == written.of_head[i - 1]) ||
        std::binary_search(written.whole.begin(), written.whole.end(), page))
      throw invalid("headTables", "page " + text(page) + " would be written twice");
  }
}

// Besides the ranges: no page may receive tokens of two sequences.
void require_pages(const StepFacts& step, const RaggedBatch& batch) {
  const int width = step.block_table_width;
  if (width < 1) throw invalid("blockTableWidth", "must be at least 1");
  require_length("blockTable", static_cast<int64_t>(step.block_table.size()), int64_t{step.batch()} * width);
  const int pages = step.pool->view().pages;
  WrittenPages written;
  auto tables = step.head_tables.begin();
  for (int b = 0; b < batch.batch; b++) {
    const int needed = (batch.total(b) + kPageTokens - 1) / kPageTokens;
    if (needed > width)
      throw invalid("blockTableWidth", "sequence " + text(b) + " needs " + text(needed) + " pages, got " + text(width));
    if (tables != step.head_tables.end() && tables->sequence == b) {
      require_head_tables(step, batch, *tables++, written);
      continue;
    }
    const int32_t* row = step.block_table.data() + int64_t{b} * width;
    for (int p = 0; p < needed; p++) require_index("blockTable", row[p], pages);
    if (batch.new_tokens(b)) written.whole.insert(written.whole.end(), row + batch.past[b] / kPageTokens, row + needed);
  }
  if (tables != step.head_tables.end()) throw invalid("headTables", "must ascend by sequences of the step");
  require_written_once(written);
}

void require_rope(const StepFacts& step) {
  if (step.rope_classes < 0) throw invalid("ropeClasses", "must not be negative");
  const int64_t rows = int64_t{step.rope_classes} * step.batch();
  require_length("ropeScale", static_cast<int64_t>(step.rope_scale.size()), rows);
  const auto frequencies = static_cast<int64_t>(step.rope_inv_freq.size());
  if (rows ? frequencies % rows != 0 : frequencies != 0)
    throw invalid("ropeInvFreq", "must have a multiple of " + text(rows) + " elements, got " + text(frequencies));
}

void require_rows(const StepInput& step) {
  const auto rows = static_cast<int64_t>(step.logit_rows.size());
  int64_t previous = -1;
  for (int32_t row : step.logit_rows) {
    require_index("logitRows", row, step.tokens());
    if (row <= previous) throw invalid("logitRows", "must ascend");
    previous = row;
  }
  previous = -1;
  for (int32_t row : step.wanted_rows) {
    require_index("wantLogits", row, rows);
    if (row <= previous) throw invalid("wantLogits", "must ascend");
    previous = row;
  }
  for (const auto& sample : step.samples) require_index("samples.row", sample.row, rows);
  for (const auto& score : step.scores) require_index("scores.row", score.row, rows);
}

void require_gates(const StepFacts& step) {
  int64_t previous = -1;
  for (const auto& [sequence, gate] : step.gates) {
    require_index("gates.sequence", sequence, step.batch());
    if (sequence <= previous) throw invalid("gates", "must ascend by sequence");
    previous = sequence;
    if (gate->layers() != step.pool->view().layers)
      throw invalid("gates.gate", "is for " + text(gate->layers()) + " layers; the pool has " +
                                      text(step.pool->view().layers));
  }
}

void require_attention(const StepFacts& step) {
  const KvPoolView& pool = step.pool->view();
  int previous = -1;
  for (const attention::PolicySequence& entry : step.attention) {
    require_index("attention.sequence", entry.sequence, step.batch());
    if (entry.sequence <= previous) throw invalid("attention", "must ascend by sequence");
    previous = entry.sequence;
    if (entry.decode_from < 0 || entry.decode_from > kMaxPosition)
      throw invalid("attention.decodeFrom", text(entry.decode_from) + " is no position");
    const attention::AttentionPolicy& policy = entry.state->policy();
    if (policy.layers() != pool.layers || policy.kv_heads() != pool.kv_heads)
      throw invalid("attention.state", "is for " + text(policy.layers()) + " layers of " + text(policy.kv_heads()) +
                                           " KV heads; the pool has " + text(pool.layers) + " of " + text(pool.kv_heads));
    if (!pool.channels.has_all(policy.needed_channels()))
      throw invalid("attention.state", "needs the metadata key-bounds, which the pool does not keep");
    for (const int32_t channel : policy.labels().channels) require_index("attention.state", channel, pool.head_dim);
  }
}

// Heads are the graph's business: the operator asks for them.
void require_probe(const StepFacts& step) {
  if (step.probe == nullptr) return;
  const KvPoolView& pool = step.pool->view();
  const attention::ProbeFacts& facts = step.probe->facts();
  if (facts.layers != pool.layers || facts.kv_heads != pool.kv_heads || facts.head_dim != pool.head_dim)
    throw invalid("probe", "is for " + text(facts.layers) + " layers of " + text(facts.kv_heads) + " KV heads of " + text(facts.head_dim) +
                               " dimensions; the pool has " + text(pool.layers) + " of " + text(pool.kv_heads) + " of " + text(pool.head_dim));
}

void require_logprobs(const char* field, int value, int low) {
  if (value < low || value > kMaxLogprobs)
    throw invalid(field, "must be in [" + text(low) + ", " + text(kMaxLogprobs) + "], got " + text(value));
}

}  // namespace

void SampleTask::link() {
  spec.seen_tokens = seen_tokens;
  spec.seen_counts = seen_counts;
  spec.bias_tokens = bias_tokens;
  spec.bias_values = bias_values;
  spec.banned_tokens = banned_tokens;
}

void validate(const StepInput& step, int vocab) {
  const StepFacts& facts = step.facts();
  require_pages(facts, require_batch(step));
  require_rope(facts);
  require_attention(facts);
  require_probe(facts);
  require_gates(facts);
  require_rows(step);
  for (const auto& sample : step.samples) require_logprobs("samples.logprobs", sample.spec.logprobs, -1);
  for (const auto& score : step.scores) {
    require_index("scores.token", score.spec.token, vocab);
    require_logprobs("scores.logprobs", score.spec.logprobs, 0);
  }
}

}  // namespace longhaul::model
