#include "domain.h"

#include "embedding_packed.h"
#include "gated_activation.h"
#include "linear_nbits.h"
#include "paged_attention.h"
#include "rope_table.h"

namespace longhaul::ops {
namespace {

template <class... Kernels>
ort::CustomOpDomain* make_domain() {
  ort::CustomOpDomain* result;
  ort::check(ort::api().CreateCustomOpDomain(kDomain, &result));
  // Sessions keep the pointers, so the descriptions are never destroyed.
  (ort::check(ort::api().CustomOpDomain_Add(result, new CustomOpOf<Kernels>)), ...);
  return result;
}

}  // namespace

ort::CustomOpDomain* domain() {
  static ort::CustomOpDomain* instance = make_domain<PagedAttention, RopeTable, GatedActivation, EmbeddingPacked, LinearNBits>();
  return instance;
}

}  // namespace longhaul::ops
