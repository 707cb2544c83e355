#include "kv_pool.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "fault.h"

namespace longhaul {
namespace {

// Keeps every product of the shape inside 63 bits.
constexpr int kMaxLayers = 1024, kMaxHeads = 1024, kMaxPages = 1 << 26;

void require_range(const char* field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return;
  throw invalid(field, "must be in [" + std::to_string(low) + ", " + std::to_string(high) + "], got " +
                           std::to_string(value));
}

void require_groups(const KvPoolShape& shape) {
  int64_t layers = 0;
  for (const KvLayerGroup& group : shape.groups) {
    require_range("groups.layers", group.layers, 1, kMaxLayers);
    require_range("groups.sparePlaces", group.spare_places, 0, kMaxPages - shape.pages);
    layers += group.layers;
  }
  if (!shape.groups.empty() && layers != shape.layers)
    throw invalid("groups", "have " + std::to_string(layers) + " layers together, the pool " + std::to_string(shape.layers));
}

void require_shape(const KvPoolShape& shape) {
  require_range("layers", shape.layers, 1, kMaxLayers);
  require_range("kvHeads", shape.kv_heads, 1, kMaxHeads);
  require_range("headDim", shape.head_dim, kMinHeadDim, kMaxHeadDim);
  require_range("pages", shape.pages, 1, kMaxPages);
  if (shape.head_dim % kHeadDimStep)
    throw invalid("headDim", "must be a multiple of " + std::to_string(kHeadDimStep));
  require_groups(shape);
}

}  // namespace

KvPool::KvPool(const KvPoolShape& shape, const ArenaFactory& make_arena) {
  require_shape(shape);
  view_ = {nullptr, shape.dtype, shape.layers, shape.pages, shape.kv_heads, shape.head_dim, shape.channels};
  layer_views_.resize(static_cast<size_t>(shape.layers));
  view_.layer_views = layer_views_.data();
  if (shape.groups.empty()) add_group({shape.layers}, make_arena);
  for (const KvLayerGroup& group : shape.groups) add_group(group, make_arena);
}

void KvPool::add_group(const KvLayerGroup& group, const ArenaFactory& make_arena) {
  const int first = groups_.empty() ? 0 : groups_.back().first_layer + groups_.back().layers;
  const int places = view_.pages + group.spare_places;
  const size_t bytes =
      pool_bytes(view_.dtype, group.layers, places, view_.kv_heads, view_.head_dim, view_.channels);
  std::unique_ptr<KvArena> arena = make_arena(bytes);
  lay_out_layers(view_, places, arena->memory().data(),
                 std::span(layer_views_).subspan(static_cast<size_t>(first), static_cast<size_t>(group.layers)));
  bytes_ += bytes;
  huge_pages_ = huge_pages_ && arena->huge_pages();
  groups_.push_back({first, group.layers, places, std::move(arena), {}});
}

int KvPool::place_of(int layer, int64_t page) const {
  const int32_t* places = layer_views_[static_cast<size_t>(layer)].place_of;
  return places == nullptr ? static_cast<int>(page) : places[page];
}

void KvPool::require_page(int64_t page, const char* field) const {
  if (page < 0 || page >= view_.pages)
    throw invalid(field, "page " + std::to_string(page) + " is outside [0, " + std::to_string(view_.pages) + ")");
}

void KvPool::copy_place(int layer, int from, int to) {
  const KvLayerView& at = layer_views_[static_cast<size_t>(layer)];
  for (int head = 0; head < view_.kv_heads; head++) {
    const auto copy = [&at, head, from, to](std::byte* base, size_t bytes) {
      std::byte* places = base + bytes * static_cast<size_t>(head) * static_cast<size_t>(at.places);
      std::memcpy(places + bytes * static_cast<size_t>(to), places + bytes * static_cast<size_t>(from), bytes);
    };
    copy(at.slices, slice_bytes(view_.dtype, view_.head_dim));
    if (at.metadata != nullptr) copy(at.metadata, view_.channels.bytes(view_.head_dim));
  }
}

void KvPool::copy_page(int64_t from, int64_t to) {
  require_page(from, "from");
  require_page(to, "to");
  if (from == to) return;
  for (int layer = 0; layer < view_.layers; layer++) copy_place(layer, place_of(layer, from), place_of(layer, to));
}

void KvPool::poison(std::span<const int32_t> pages) {
  for (int32_t page : pages) require_page(page, "pages");
  // All bits set is a NaN in f32 and in bf16; in int8 the scales are.
  const size_t bytes = slice_bytes(view_.dtype, view_.head_dim);
  for (int32_t page : pages)
    for (int layer = 0; layer < view_.layers; layer++)
      for (int head = 0; head < view_.kv_heads; head++) {
        std::memset(view_.slice(layer, page, head), 0xff, bytes);
        if (view_.channels.any()) std::memset(view_.metadata(layer, page, head), 0xff, view_.channels.bytes(view_.head_dim));
      }
}

void KvPool::require_free(const Group& group, int place) const {
  require_range("place", place, 0, group.places - 1);
  const bool taken = group.place_of.empty() ? place < view_.pages
                                            : std::find(group.place_of.begin(), group.place_of.end(), place) != group.place_of.end();
  if (taken) throw invalid("place", "place " + std::to_string(place) + " is taken");
}

void KvPool::move_page(int group, int64_t page, int place) {
  require_range("group", group, 0, static_cast<int64_t>(groups_.size()) - 1);
  require_page(page, "page");
  Group& home = groups_[static_cast<size_t>(group)];
  require_free(home, place);
  if (home.place_of.empty()) {
    home.place_of.resize(static_cast<size_t>(view_.pages));
    std::iota(home.place_of.begin(), home.place_of.end(), 0);
  }
  for (int layer = home.first_layer; layer < home.first_layer + home.layers; layer++) {
    copy_place(layer, place_of(layer, page), place);
    layer_views_[static_cast<size_t>(layer)].place_of = home.place_of.data();
  }
  home.place_of[static_cast<size_t>(page)] = place;
}

}  // namespace longhaul
