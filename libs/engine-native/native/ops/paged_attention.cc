#include "paged_attention.h"

#include <cmath>

#include "../step/ragged_batch.h"
#include "step_input.h"
#include "step_problem.h"

namespace longhaul::ops {
namespace {

// ONNX Runtime's thread pool as the kernels see it.
ParallelFor threads_of(const KernelContext& context) {
  auto run = [](void* self, size_t n, ParallelFor::Body body, void* user) {
    static_cast<const KernelContext*>(self)->parallel_for(n, [&](size_t i) { body(user, i); });
  };
  return {run, const_cast<KernelContext*>(&context), KernelContext::threads};
}

void require_same(const char* field, int pool, int graph) {
  if (pool != graph)
    throw invalid("pool", std::string("the pool has ") + std::to_string(pool) + " " + field + ", the graph needs " +
                                 std::to_string(graph));
}

}  // namespace

PagedAttention::PagedAttention(const Attributes& attributes)
    : layer_(attributes.integer("layer", 0, 1023)),
      heads_(attributes.integer("num_heads", 1, 4096)),
      kv_heads_(attributes.integer("kv_heads", 1, 1024)),
      head_dim_(attributes.integer("head_dim", kMinHeadDim, kMaxHeadDim)),
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

const float* PagedAttention::rope(const KernelContext& context, int64_t tokens) const {
  const auto rope = context.optional_input<float>(2, "rope");
  if (!rope && rope_dim_ > 0) throw invalid(rope.name, "is missing: rope_dim is " + std::to_string(rope_dim_));
  if (!rope) return nullptr;
  rope.require_shape({tokens, rope_dim_});
  return rope.data;
}

const float* PagedAttention::weights(const KernelContext& context, size_t index, const char* name, int64_t size) const {
  const auto tensor = context.optional_input<float>(index, name);
  if (!tensor) return nullptr;
  tensor.require_shape({size});
  return tensor.data;
}

AttentionProblem PagedAttention::problem_of(const KernelContext& context, int tokens) const {
  const auto qkv = context.input<float>(0, "qkv");
  qkv.require_shape({tokens, int64_t{heads_ + 2 * kv_heads_} * head_dim_});
  AttentionProblem problem;
  problem.qkv = qkv.data;
  problem.rope = rope(context, tokens);
  problem.rope_dim = problem.rope ? rope_dim_ : 0;
  problem.layer = layer_;
  problem.heads = heads_;
  problem.kv_heads = kv_heads_;
  problem.head_dim = head_dim_;
  problem.scale = scale_;
  problem.window = window_;
  problem.softcap = softcap_;
  problem.norm_eps = norm_eps_;
  problem.q_norm = weights(context, 3, "q_norm", head_dim_);
  problem.k_norm = weights(context, 4, "k_norm", head_dim_);
  problem.sinks = weights(context, 5, "sinks", heads_);
  problem.out = context.output(0, {tokens, int64_t{heads_} * head_dim_});
  return problem;
}

void PagedAttention::require_pool(const KvPoolView& pool) const {
  require_same("KV heads", pool.kv_heads, kv_heads_);
  require_same("head dimensions", pool.head_dim, head_dim_);
  if (layer_ >= pool.layers) require_same("layers", pool.layers, layer_ + 1);
}

void PagedAttention::compute(const KernelContext& context) {
  const std::shared_ptr<StepContext> step = step_input(context, 1);
  AttentionProblem problem = problem_of(context, read_batch(step->facts()).tokens);
  describe_step(*step, problem);
  if (KernelContext::choice) problem.kernels = KernelContext::choice->attention(problem.pool.dtype);
  require_pool(problem.pool);
  if (const char* fault = find_fault(problem)) throw Fault(FaultKind::kInvalidArgument, fault);
  const std::vector<uint8_t> skipped = step->pass_gates(layer_);
  problem.skipped = skipped.empty() ? nullptr : skipped.data();
  step->statistics().layer_done(attend(problem, threads_of(context)));
}

}  // namespace longhaul::ops
