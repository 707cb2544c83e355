// The arena: copies and poison stay inside their pages, faults are typed.
#include "../kv_pool.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../fault.h"

namespace {

using namespace longhaul;

void expect(bool condition, const char* rule) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", rule);
  std::exit(1);
}

void expect_fault(FaultKind kind, const std::string& field, const char* rule, const std::function<void()>& call) {
  try {
    call();
  } catch (const Fault& fault) {
    expect(fault.kind == kind && fault.field == field, rule);
    return;
  }
  expect(false, rule);
}

size_t page_bytes(const KvPoolView& v) { return slice_bytes(v.dtype, v.head_dim) * static_cast<size_t>(v.kv_heads); }

void fill(const KvPoolView& view, int layer, int page, int value) {
  for (int head = 0; head < view.kv_heads; head++)
    std::memset(view.slice(layer, page, head), value, slice_bytes(view.dtype, view.head_dim));
}

bool holds(const KvPoolView& view, int layer, int page, int value) {
  for (int head = 0; head < view.kv_heads; head++) {
    const std::byte* bytes = view.slice(layer, page, head);
    for (size_t i = 0; i < slice_bytes(view.dtype, view.head_dim); i++)
      if (bytes[i] != static_cast<std::byte>(value)) return false;
  }
  return true;
}

void pages_are_copied_and_poisoned_alone(KvDtype dtype) {
  KvPool pool({3, 2, 48, 5, dtype});
  const KvPoolView& view = pool.view();
  expect(pool.bytes() == page_bytes(view) * 3 * 5, "an arena has exactly the bytes of its pages");
  expect(holds(view, 2, 4, 0), "a new arena is zero");
  for (int layer = 0; layer < 3; layer++)
    for (int page = 0; page < 5; page++) fill(view, layer, page, layer * 5 + page + 1);
  pool.copy_page(1, 3);
  const int32_t poisoned[] = {0};
  pool.poison(poisoned);
  for (int layer = 0; layer < 3; layer++) {
    for (int page : {1, 2, 4}) expect(holds(view, layer, page, layer * 5 + page + 1), "other pages are untouched");
    expect(holds(view, layer, 3, layer * 5 + 2), "all layers of a page are copied");
    expect(holds(view, layer, 0, 0xff), "all layers of a page are poisoned");
  }
  float value;
  // The last four bytes: with int8 only the scales are floats.
  std::memcpy(&value, view.slice(0, 0, 1) + slice_bytes(dtype, view.head_dim) - sizeof value, sizeof value);
  expect(std::isnan(value), "poison is NaN");
}

// An arena in ordinary memory.
class HeapArena : public KvArena {
 public:
  explicit HeapArena(size_t bytes) : storage_(bytes + 64) {}
  std::span<std::byte> memory() const override {
    void* base = const_cast<std::byte*>(storage_.data());
    size_t space = storage_.size();
    return {static_cast<std::byte*>(std::align(64, storage_.size() - 64, base, space)), storage_.size() - 64};
  }
  bool huge_pages() const override { return false; }

 private:
  std::vector<std::byte> storage_;
};

// A pool of a group of two layers and one of a single layer with two spare places; notes how large its arenas are.
KvPool two_arenas(KvDtype dtype, std::vector<size_t>& sizes) {
  return KvPool({3, 2, 48, 5, dtype, {{2}, {1, 2}}}, [&](size_t bytes) {
    sizes.push_back(bytes);
    return std::make_unique<HeapArena>(bytes);
  });
}

void layer_groups_have_arenas_of_their_own(KvDtype dtype) {
  std::vector<size_t> sizes;
  KvPool pool = two_arenas(dtype, sizes);
  const KvPoolView& view = pool.view();
  expect(sizes.size() == 2 && sizes[0] == 2 * 5 * page_bytes(view) && sizes[1] == 7 * page_bytes(view),
         "every group asks for an arena of its layers' places");
  expect(pool.bytes() == sizes[0] + sizes[1] && !pool.huge_pages(), "a pool counts the bytes of all arenas");
  for (int layer = 0; layer < 3; layer++)
    for (int page = 0; page < 5; page++) fill(view, layer, page, layer * 5 + page + 1);
  for (int layer = 0; layer < 3; layer++)
    for (int page = 0; page < 5; page++) expect(holds(view, layer, page, layer * 5 + page + 1), "slices do not overlap");
  pool.copy_page(1, 3);
  for (int layer = 0; layer < 3; layer++) expect(holds(view, layer, 3, layer * 5 + 2), "copies reach every group");
}

void a_page_moves_within_its_group(KvDtype dtype) {
  std::vector<size_t> sizes;
  KvPool pool = two_arenas(dtype, sizes);
  const KvPoolView& view = pool.view();
  for (int layer = 0; layer < 3; layer++)
    for (int page = 0; page < 5; page++) fill(view, layer, page, layer * 5 + page + 1);
  const std::byte* elsewhere = view.slice(1, 2, 0);
  const std::byte* old = view.slice(2, 2, 0);
  pool.move_page(1, 2, 6);
  pool.move_page(1, 4, 2);
  for (int layer = 0; layer < 3; layer++)
    for (int page = 0; page < 5; page++) expect(holds(view, layer, page, layer * 5 + page + 1), "a moved page keeps its content");
  expect(view.slice(1, 2, 0) == elsewhere, "another group's slices stay where they are");
  expect(view.slice(2, 4, 0) == old, "a place that a page has left serves another");
  expect_fault(FaultKind::kInvalidArgument, "place", "a place that is taken is refused", [&] { pool.move_page(1, 0, 6); });
  expect_fault(FaultKind::kInvalidArgument, "place", "a place outside is refused", [&] { pool.move_page(1, 0, 7); });
  expect_fault(FaultKind::kInvalidArgument, "place", "a group without spare places has no room", [&] { pool.move_page(0, 0, 4); });
  expect_fault(FaultKind::kInvalidArgument, "group", "a group outside is refused", [&] { pool.move_page(2, 0, 0); });
  expect_fault(FaultKind::kInvalidArgument, "page", "moving a page outside is refused", [&] { pool.move_page(1, 5, 4); });
}

// Whether every byte of a page's metadata has a value.
bool metadata_holds(const KvPoolView& view, int layer, int page, int value) {
  for (int head = 0; head < view.kv_heads; head++) {
    const std::byte* bytes = view.metadata(layer, page, head);
    for (size_t i = 0; i < view.channels.bytes(view.head_dim); i++)
      if (bytes[i] != static_cast<std::byte>(value)) return false;
  }
  return true;
}

void metadata_goes_where_its_page_goes(KvDtype dtype) {
  KvPool plain({3, 2, 48, 5, dtype});
  KvPool pool({3, 2, 48, 5, dtype, {{2}, {1, 2}}, KvChannels().with(KvChannel::kKeyBounds)});
  const KvPoolView& view = pool.view();
  const size_t metadata = 2 * 2 * 48;
  expect(view.channels.bytes(48) == metadata && !plain.view().channels.any(), "metadata is what was declared");
  expect(pool.bytes() == (page_bytes(view) + 2 * metadata) * (2 * 5 + 7), "a pool counts the bytes of its metadata");
  for (int layer = 0; layer < 3; layer++)
    for (int page = 0; page < 5; page++) {
      fill(view, layer, page, layer * 5 + page + 1);
      for (int head = 0; head < 2; head++) std::memset(view.metadata(layer, page, head), layer * 5 + page + 100, metadata);
    }
  pool.copy_page(1, 3);
  pool.move_page(1, 1, 5);
  const int32_t poisoned[] = {0};
  pool.poison(poisoned);
  for (int layer = 0; layer < 3; layer++) {
    for (int page : {1, 2, 4}) expect(metadata_holds(view, layer, page, layer * 5 + page + 100), "others keep their metadata");
    expect(metadata_holds(view, layer, 3, layer * 5 + 101), "a copied page has the metadata of its origin");
    expect(metadata_holds(view, layer, 0, 0xff), "metadata of a poisoned page is poisoned");
    for (int page : {1, 2, 4}) expect(holds(view, layer, page, layer * 5 + page + 1), "metadata lies beside the slices");
  }
}

void faults_are_typed() {
  KvPool pool({1, 1, 32, 4, KvDtype::kF32});
  expect_fault(FaultKind::kInvalidArgument, "to", "copying to a page outside is refused", [&] { pool.copy_page(0, 4); });
  expect_fault(FaultKind::kInvalidArgument, "from", "copying from a page outside is refused", [&] { pool.copy_page(-1, 0); });
  const int32_t pages[] = {0, 9};
  expect_fault(FaultKind::kInvalidArgument, "pages", "poisoning a page outside is refused", [&] { pool.poison(pages); });
  expect(holds(pool.view(), 0, 0, 0), "a refused call writes nothing");
  expect_fault(FaultKind::kInvalidArgument, "headDim", "a head dimension off the grid is refused",
               [] { KvPool({1, 1, 40, 4, KvDtype::kF32}); });
  expect_fault(FaultKind::kInvalidArgument, "groups", "groups of other layers than the pool's are refused",
               [] { KvPool({3, 1, 32, 4, KvDtype::kF32, {{2}, {2}}}); });
  expect_fault(FaultKind::kInvalidArgument, "groups.layers", "an empty group is refused",
               [] { KvPool({3, 1, 32, 4, KvDtype::kF32, {{3}, {0}}}); });
  expect_fault(FaultKind::kResourceExhausted, "pages", "an arena beyond the address space is refused",
               [] { KvPool({1024, 1024, 256, 1 << 26, KvDtype::kF32}); });
}

}  // namespace

int main() {
  for (const KvDtype dtype : kKvDtypes) {
    pages_are_copied_and_poisoned_alone(dtype);
    layer_groups_have_arenas_of_their_own(dtype);
    a_page_moves_within_its_group(dtype);
    metadata_goes_where_its_page_goes(dtype);
  }
  faults_are_typed();
  std::puts("kv_pool_test passed");
}
