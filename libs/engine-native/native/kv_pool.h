#pragma once

#include <cstdint>
#include <span>

#include "attention/kv_layout.h"

namespace longhaul {

struct KvPoolShape {
  int layers = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int pages = 0;
  KvDtype dtype = KvDtype::kBf16;
};

// A fixed arena of KV pages. It stores and copies; which page belongs to whom is the caller's business. The memory is
// zero at first and comes from the kernel as it is touched.
class KvPool {
 public:
  // Throws Fault: kInvalidArgument for a shape out of range, kResourceExhausted (naming the bytes) when memory is short.
  explicit KvPool(const KvPoolShape& shape);
  ~KvPool();
  KvPool(const KvPool&) = delete;
  KvPool& operator=(const KvPool&) = delete;

  const KvPoolView& view() const { return view_; }
  size_t bytes() const { return bytes_; }
  bool huge_pages() const { return huge_pages_; }

  // Copies one page of every layer. Throws Fault when a page is out of range.
  void copy_page(int64_t from, int64_t to);
  // Fills pages with NaN in every layer. Nothing is written if any page is out of range.
  void poison(std::span<const int32_t> pages);

 private:
  void require_page(int64_t page, const char* field) const;
  size_t page_bytes() const;

  KvPoolView view_;
  size_t bytes_ = 0;
  size_t mapped_bytes_ = 0;
  std::byte* mapping_ = nullptr;
  bool huge_pages_ = false;
};

}  // namespace longhaul
