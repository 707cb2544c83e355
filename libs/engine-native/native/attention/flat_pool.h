// A pool in one piece of somebody's memory, [layer][kv head][page]: for benchmarks and tests.
#pragma once

#include <vector>

#include "kv_layout.h"

namespace longhaul {

class FlatPool {
 public:
  FlatPool() = default;

  /** Borrows pool_bytes() of memory at `base`, which is aligned to 64 bytes. */
  FlatPool(std::byte* base, KvDtype dtype, int layers, int pages, int kv_heads, int head_dim)
      : layers_(static_cast<size_t>(layers)), view_{nullptr, dtype, layers, pages, kv_heads, head_dim} {
    for (int layer = 0; layer < layers; ++layer) {
      layers_[static_cast<size_t>(layer)] = {base + pool_bytes(dtype, layer, pages, kv_heads, head_dim),
                                             pool_bytes(dtype, 1, pages, 1, head_dim), nullptr};
    }
  }

  /** Borrows from this object. */
  KvPoolView view() const {
    KvPoolView view = view_;
    view.layer_views = layers_.data();
    return view;
  }

 private:
  std::vector<KvLayerView> layers_;
  KvPoolView view_;
};

}  // namespace longhaul
