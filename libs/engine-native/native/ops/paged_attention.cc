#include "paged_attention.h"

#include <cmath>

#include "../attention/attention.h"
#include "../kv_pool.h"
#include "ragged_batch.h"
#include "step_gates.h"

namespace longhaul::ops {
namespace {

// ONNX Runtime's thread pool as the kernels see it.
ParallelFor threads_of(const KernelContext& context) {
  auto run = [](void* self, size_t n, ParallelFor::Body body, void* user) {
    static_cast<const KernelContext*>(self)->parallel_for(n, [&](size_t i) { body(user, i); });
  };
  return {run, const_cast<KernelContext*>(&context), KernelContext::threads};
}

std::shared_ptr<KvPool> pool_of(const Tensor<int64_t>& handle) {
  handle.require_shape({1});
  std::shared_ptr<KvPool> pool = kv_registry::find(*handle.data);
  if (!pool) throw invalid(handle.name, "no KV pool with handle " + std::to_string(*handle.data));
  return pool;
}

void require_same(const char* field, int pool, int graph) {
  if (pool != graph)
    throw invalid("kv_pool", std::string("the pool has ") + std::to_string(pool) + " " + field + ", the graph needs " +
                                 std::to_string(graph));
}

}  // namespace

PagedAttention::PagedAttention(const Attributes& attributes)
    : layer_(attributes.integer("layer", 0, 1023)),
      heads_(attributes.integer("num_heads", 1, 4096)),
      kv_heads_(attributes.integer("kv_heads", 1, 1024)),
      head_dim_(attributes.integer("head_dim", kMinHeadDim, kMaxHeadDim)),
      rope_class_(attributes.integer("rope_class", -1, 255)),
      rope_dim_(attributes.integer("rope_dim", 0, head_dim_)),
      window_(attributes.integer("window", 0, kMaxPosition)),
      scale_(attributes.real("scale")),
      softcap_(attributes.real("softcap")),
      norm_eps_(attributes.real("norm_eps")) {
  if (head_dim_ % kHeadDimStep) throw invalid("head_dim", "must be a multiple of " + std::to_string(kHeadDimStep));
  if (heads_ % kv_heads_) throw invalid("num_heads", "must be a multiple of kv_heads " + std::to_string(kv_heads_));
  if (rope_dim_ % 2) throw invalid("rope_dim", "must be even, got " + std::to_string(rope_dim_));
  if (!std::isfinite(scale_)) throw invalid("scale", "must be finite");
  if (!(softcap_ >= 0) || !std::isfinite(softcap_)) throw invalid("softcap", "must be finite and not negative");
  if (!(norm_eps_ >= 0) || !std::isfinite(norm_eps_)) throw invalid("norm_eps", "must be finite and not negative");
}

const float* PagedAttention::rope_of_class(const KernelContext& context, int64_t tokens) const {
  const auto rope = context.input<float>(1, "rope");
  if (rope_class_ < 0) return nullptr;
  rope.require_rank(3);
  if (rope_class_ >= rope[0])
    throw invalid(rope.name, "has " + std::to_string(rope[0]) + " classes, the layer needs class " +
                                 std::to_string(rope_class_));
  rope.require_dim(1, tokens);
  rope.require_dim(2, rope_dim_);
  return rope.data + rope_class_ * tokens * rope_dim_;
}

const float* PagedAttention::weights(const KernelContext& context, size_t index, const char* name, int64_t size) const {
  const auto tensor = context.optional_input<float>(index, name);
  if (!tensor) return nullptr;
  tensor.require_shape({size});
  return tensor.data;
}

void PagedAttention::compute(const KernelContext& context) {
  const auto qkv = context.input<float>(0, "qkv");
  qkv.require_rank(2);
  qkv.require_dim(1, int64_t{heads_ + 2 * kv_heads_} * head_dim_);
  const auto pool = pool_of(context.input<int64_t>(2, "kv_pool"));
  const RaggedBatch batch = read_batch(context.input<int32_t>(3, "cu_seqlens"), context.input<int32_t>(4, "past_lens"));
  qkv.require_dim(0, batch.tokens);
  const auto table = context.input<int32_t>(5, "block_table");
  table.require_rank(2);
  table.require_dim(0, batch.batch);

  AttentionProblem problem;
  problem.qkv = qkv.data;
  problem.rope = rope_of_class(context, batch.tokens);
  problem.rope_dim = problem.rope ? rope_dim_ : 0;
  problem.cu_seqlens = batch.cu;
  problem.past_lens = batch.past;
  problem.batch = batch.batch;
  problem.block_table = table.data;
  problem.block_table_width = static_cast<int>(table[1]);
  problem.pool = pool->view();
  if (KernelContext::choice) problem.kernels = KernelContext::choice->attention(problem.pool.dtype);
  problem.layer = layer_;
  problem.heads = heads_;
  problem.kv_heads = kv_heads_;
  problem.head_dim = head_dim_;
  problem.scale = scale_;
  problem.window = window_;
  problem.softcap = softcap_;
  problem.norm_eps = norm_eps_;
  problem.q_norm = weights(context, 6, "q_norm", head_dim_);
  problem.k_norm = weights(context, 7, "k_norm", head_dim_);
  problem.sinks = weights(context, 8, "sinks", heads_);
  problem.out = context.output(0, {batch.tokens, int64_t{heads_} * head_dim_});
  if (batch.tokens == 0) return;

  require_same("KV heads", pool->view().kv_heads, kv_heads_);
  require_same("head dimensions", pool->view().head_dim, head_dim_);
  if (layer_ >= pool->view().layers) require_same("layers", pool->view().layers, layer_ + 1);
  if (const char* fault = find_fault(problem)) throw Fault(FaultKind::kInvalidArgument, fault);
  const std::vector<uint8_t> skipped = pass_gates(layer_, batch.batch);
  problem.skipped = skipped.empty() ? nullptr : skipped.data();
  attend(problem, threads_of(context));
}

}  // namespace longhaul::ops
