// The arena: copies and poison stay inside their pages, faults are typed.
#include "../kv_pool.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

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
  std::memset(view.slice(layer, page, 0), value, page_bytes(view));
}

bool holds(const KvPoolView& view, int layer, int page, int value) {
  const std::byte* bytes = view.slice(layer, page, 0);
  for (size_t i = 0; i < page_bytes(view); i++)
    if (bytes[i] != static_cast<std::byte>(value)) return false;
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
  std::memcpy(&value, view.slice(0, 0, 0) + page_bytes(view) - sizeof value, sizeof value);
  expect(std::isnan(value), "poison is NaN");
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
  expect_fault(FaultKind::kResourceExhausted, "pages", "an arena beyond the address space is refused",
               [] { KvPool({1024, 1024, 256, 1 << 26, KvDtype::kF32}); });
}

}  // namespace

int main() {
  for (const KvDtype dtype : kKvDtypes) pages_are_copied_and_poisoned_alone(dtype);
  faults_are_typed();
  std::puts("kv_pool_test passed");
}
