#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "attention/kv_layout.h"
#include "kv_arena.h"

namespace longhaul {

// Consecutive layers whose slices share an arena. A page has one place there, the same in each of the layers.
struct KvLayerGroup {
  int layers = 0;
  // Places beyond one per page: room to move pages to.
  int spare_places = 0;
};

struct KvPoolShape {
  int layers = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int pages = 0;
  KvDtype dtype = KvDtype::kBf16;
  // Covers the layers in order. Empty: one group of all.
  std::vector<KvLayerGroup> groups = {};
  // Kept beside every slice; a channel takes less than an eighth of its bytes.
  KvChannels channels = {};
};

// The memory of all KV pages and what is kept beside them. It stores and copies; which page belongs to whom is the caller's business. The memory is
// zero at first and comes from the kernel as it is touched.
class KvPool {
 public:
  // Throws Fault: kInvalidArgument for a shape out of range, kResourceExhausted (naming the bytes) when memory is short.
  explicit KvPool(const KvPoolShape& shape, const ArenaFactory& make_arena = map_arena);
  KvPool(const KvPool&) = delete;
  KvPool& operator=(const KvPool&) = delete;

  // Borrows from the pool.
  const KvPoolView& view() const { return view_; }
  // Of all arenas.
  size_t bytes() const { return bytes_; }
  bool huge_pages() const { return huge_pages_; }

  // Copies one page of every layer, with its metadata. Throws Fault when a page is out of range.
  void copy_page(int64_t from, int64_t to);
  // Fills pages with NaN in every layer, metadata too. Nothing is written if any page is out of range.
  void poison(std::span<const int32_t> pages);
  // Moves what a layer group keeps of a page to a place that no page has. Its old place is free afterwards. Nobody may use
  // the pool meanwhile. Throws Fault for a group, a page or a place that there is not, or a place that is taken.
  void move_page(int group, int64_t page, int place);

 private:
  struct Group {
    int first_layer;
    int layers;
    int places;
    std::unique_ptr<KvArena> arena;
    // [pages]; empty while every page has the place of its own number.
    std::vector<int32_t> place_of;
  };

  void add_group(const KvLayerGroup& group, const ArenaFactory& make_arena);
  void require_page(int64_t page, const char* field) const;
  void require_free(const Group& group, int place) const;
  int place_of(int layer, int64_t page) const;
  void copy_place(int layer, int from, int to);

  KvPoolView view_;
  std::vector<KvLayerView> layer_views_;
  std::vector<Group> groups_;
  size_t bytes_ = 0;
  bool huge_pages_ = true;
};

}  // namespace longhaul
