// A pool in one piece of somebody's memory, slices [layer][kv head][page], then metadata likewise: for benchmarks and tests.
#pragma once

#include <vector>

#include "kv_layout.h"

namespace longhaul {

class FlatPool {
 public:
  FlatPool() = default;

  /** Borrows pool_bytes() of memory at `base`, which is aligned to 64 bytes. */
  FlatPool(std::byte* base, KvDtype dtype, int layers, int pages, int kv_heads, int head_dim, KvChannels channels = {})
      : layers_(static_cast<size_t>(layers)), view_{nullptr, dtype, layers, pages, kv_heads, head_dim, channels} {
    lay_out_layers(view_, pages, base, layers_);
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
