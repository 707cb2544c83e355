#include "attention.h"

namespace longhaul {
namespace {

bool has_kernels(const AttentionProblem& p) {
  if (p.kernels == nullptr) return true;
  for (const AttentionCandidate& candidate : attention_candidates(p.pool.dtype))
    if (candidate.table == p.kernels) return candidate.supported();
  return false;
}

const char* shape_fault(const AttentionProblem& p) {
  if (p.head_dim < kMinHeadDim || p.head_dim > kMaxHeadDim || p.head_dim % kHeadDimStep != 0) {
    return "head_dim must be a multiple of 16 from 32 to 256";
  }
  if (p.kv_heads < 1 || p.heads < 1 || p.heads % p.kv_heads != 0) return "kv_heads must be positive and divide heads";
  if (p.pool.head_dim != p.head_dim || p.pool.kv_heads != p.kv_heads) return "pool has another head_dim or kv_heads";
  if (p.pool.layer_views == nullptr || p.layer < 0 || p.layer >= p.pool.layers) return "layer is outside the pool";
  if (p.rope != nullptr && (p.rope_dim < 2 || p.rope_dim % 2 != 0 || p.rope_dim > p.head_dim)) {
    return "rope_dim must be even, from 2 to head_dim";
  }
  if (p.window < 0) return "window must not be negative";
  if (!(p.softcap >= 0.0f)) return "softcap must not be negative";
  if (!has_kernels(p)) return "kernels are of another pool type, or do not run on this processor";
  if (p.batch < 0) return "batch must not be negative";
  return nullptr;
}

const char* head_tables_fault(const AttentionProblem& p, const HeadTables& tables, int pages) {
  const size_t rows = static_cast<size_t>(p.pool.layers) * static_cast<size_t>(p.kv_heads);
  if (tables.pages.size() != rows * static_cast<size_t>(p.block_table_width)) {
    return "head_tables must have a row for each layer and KV head";
  }
  const bool writes = p.cu_seqlens[tables.sequence + 1] > p.cu_seqlens[tables.sequence];
  const int first_written = writes ? p.past_lens[tables.sequence] / kPageTokens : pages;
  for (int head = 0; head < p.kv_heads; ++head) {
    const int32_t* row = p.page_row(tables.sequence, head);
    for (int i = 0; i < pages; ++i) {
      if (row[i] < kNoPage || row[i] >= p.pool.pages) return "head_tables name a page outside the pool";
      if (row[i] == kNoPage && i >= first_written) return "head_tables lack a page of new tokens";
    }
  }
  return nullptr;
}

const char* sequence_fault(const AttentionProblem& p, int b) {
  if (p.cu_seqlens[b + 1] < p.cu_seqlens[b]) return "cu_seqlens must not descend";
  if (p.past_lens[b] < 0) return "past_lens must not be negative";
  const int64_t length = int64_t{p.past_lens[b]} + p.cu_seqlens[b + 1] - p.cu_seqlens[b];
  const int64_t pages = (length + kPageTokens - 1) / kPageTokens;
  if (pages > p.block_table_width) return "block_table is narrower than a sequence";
  if (const HeadTables* tables = p.head_tables_of(b)) return head_tables_fault(p, *tables, static_cast<int>(pages));
  const int32_t* row = p.block_table + static_cast<size_t>(b) * p.block_table_width;
  for (int64_t i = 0; i < pages; ++i) {
    if (row[i] < 0 || row[i] >= p.pool.pages) return "block_table names a page outside the pool";
  }
  return nullptr;
}

const char* head_table_order_fault(const AttentionProblem& p) {
  int last = -1;
  for (const HeadTables& tables : p.head_tables) {
    if (tables.sequence <= last || tables.sequence >= p.batch) return "head_tables must ascend by sequences of the batch";
    last = tables.sequence;
  }
  return nullptr;
}

const char* policy_fault(const AttentionProblem& p) {
  int last = -1;
  for (const attention::PolicySequence& policy : p.policies) {
    if (policy.sequence <= last || policy.sequence >= p.batch) return "policies must ascend by sequences of the batch";
    if (policy.state == nullptr || policy.decode_from < 0) return "policies need a state, and decode_from of at least 0";
    const attention::AttentionPolicy& of = policy.state->policy();
    if (of.kv_heads() != p.kv_heads || of.layers() != p.pool.layers) return "policies are for other layers or KV heads";
    if (!p.pool.channels.has_all(of.needed_channels())) return "policies need metadata that the pool does not keep";
    for (const int32_t channel : of.labels().channels) {
      if (channel >= p.head_dim) return "policies rank by dimensions that the head does not have";
    }
    last = policy.sequence;
  }
  return nullptr;
}

}  // namespace

const char* find_fault(const AttentionProblem& p) {
  if (const char* fault = shape_fault(p)) return fault;
  if (p.batch == 0) return nullptr;
  if (p.cu_seqlens == nullptr || p.past_lens == nullptr || p.block_table == nullptr) {
    return "cu_seqlens, past_lens and block_table must not be null";
  }
  if (p.cu_seqlens[0] != 0) return "cu_seqlens must start at 0";
  if (const char* fault = head_table_order_fault(p)) return fault;
  if (const char* fault = policy_fault(p)) return fault;
  for (int b = 0; b < p.batch; ++b) {
    if (const char* fault = sequence_fault(p, b)) return fault;
  }
  if (p.cu_seqlens[p.batch] > 0 && (p.qkv == nullptr || p.out == nullptr)) return "qkv and out must not be null";
  return nullptr;
}

}  // namespace longhaul
