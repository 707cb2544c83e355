#include "kv_pool.h"

#include <sys/mman.h>

#include <cstring>
#include <string>

#include "fault.h"

namespace longhaul {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Keeps every product of the shape inside 63 bits.
constexpr int kMaxLayers = 1024, kMaxHeads = 1024, kMaxPages = 1 << 26;

void require_range(const char* field, int value, int low, int high) {
  if (value >= low && value <= high) return;
  throw invalid(field, "must be in [" + std::to_string(low) + ", " + std::to_string(high) + "], got " +
                           std::to_string(value));
}

void require_shape(const KvPoolShape& shape) {
  require_range("layers", shape.layers, 1, kMaxLayers);
  require_range("kvHeads", shape.kv_heads, 1, kMaxHeads);
  require_range("headDim", shape.head_dim, kMinHeadDim, kMaxHeadDim);
  require_range("pages", shape.pages, 1, kMaxPages);
  if (shape.head_dim % kHeadDimStep)
    throw invalid("headDim", "must be a multiple of " + std::to_string(kHeadDimStep));
}

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

std::byte* align(std::byte* pointer, size_t step) {
  return reinterpret_cast<std::byte*>(round_up(reinterpret_cast<uintptr_t>(pointer), step));
}

// A granted huge page is resident as a whole as soon as its first byte has been touched.
bool granted_huge_page(std::byte* base) {
  constexpr size_t kSmallPage = 4096;
  unsigned char resident[kHugePage / kSmallPage];
  *reinterpret_cast<volatile std::byte*>(base) = std::byte{0};
  if (mincore(base, kHugePage, resident) != 0) return false;
  return resident[std::size(resident) - 1] & 1;
}

}  // namespace

KvPool::KvPool(const KvPoolShape& shape) {
  require_shape(shape);
  bytes_ = pool_bytes(shape.dtype, shape.layers, shape.pages, shape.kv_heads, shape.head_dim);
  mapped_bytes_ = round_up(bytes_, kHugePage) + kHugePage;  // room to start on a huge-page boundary
  void* mapping = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED)
    throw Fault(FaultKind::kResourceExhausted, "pages: no memory for a KV pool of " + std::to_string(bytes_) + " bytes",
                "pages");
  mapping_ = static_cast<std::byte*>(mapping);
  std::byte* base = align(mapping_, kHugePage);
  const bool advised = madvise(base, round_up(bytes_, kHugePage), MADV_HUGEPAGE) == 0;
  huge_pages_ = advised && granted_huge_page(base);
  view_ = {base, shape.dtype, shape.layers, shape.pages, shape.kv_heads, shape.head_dim};
}

KvPool::~KvPool() {
  if (mapping_) munmap(mapping_, mapped_bytes_);
}

size_t KvPool::page_bytes() const { return slice_bytes(view_.dtype, view_.head_dim) * size_t(view_.kv_heads); }

void KvPool::require_page(int64_t page, const char* field) const {
  if (page < 0 || page >= view_.pages)
    throw invalid(field, "page " + std::to_string(page) + " is outside [0, " + std::to_string(view_.pages) + ")");
}

void KvPool::copy_page(int64_t from, int64_t to) {
  require_page(from, "from");
  require_page(to, "to");
  if (from == to) return;
  for (int layer = 0; layer < view_.layers; layer++)
    std::memcpy(view_.slice(layer, static_cast<int>(to), 0), view_.slice(layer, static_cast<int>(from), 0), page_bytes());
}

void KvPool::poison(std::span<const int32_t> pages) {
  for (int32_t page : pages) require_page(page, "pages");
  // All bits set is a NaN in f32 and in bf16; in int8 the scales are.
  for (int32_t page : pages)
    for (int layer = 0; layer < view_.layers; layer++) std::memset(view_.slice(layer, page, 0), 0xff, page_bytes());
}

}  // namespace longhaul
