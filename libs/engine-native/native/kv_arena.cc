#include "kv_arena.h"

#include <sys/mman.h>

#include <cstdint>
#include <iterator>
#include <string>

#include "fault.h"

namespace longhaul {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

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

class MappedArena final : public KvArena {
 public:
  // Maps more than is asked for, to start on a huge-page boundary.
  explicit MappedArena(size_t bytes) : bytes_(bytes), mapped_bytes_(round_up(bytes, kHugePage) + kHugePage) {
    void* mapping = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
      throw Fault(FaultKind::kResourceExhausted, "pages: no memory for a KV pool of " + std::to_string(bytes) + " bytes",
                  "pages");
    mapping_ = static_cast<std::byte*>(mapping);
    base_ = align(mapping_, kHugePage);
    const bool advised = madvise(base_, round_up(bytes, kHugePage), MADV_HUGEPAGE) == 0;
    huge_pages_ = advised && granted_huge_page(base_);
  }
  ~MappedArena() override { munmap(mapping_, mapped_bytes_); }
  MappedArena(const MappedArena&) = delete;
  MappedArena& operator=(const MappedArena&) = delete;

  std::span<std::byte> memory() const override { return {base_, bytes_}; }
  bool huge_pages() const override { return huge_pages_; }

 private:
  const size_t bytes_;
  const size_t mapped_bytes_;
  std::byte* mapping_ = nullptr;
  std::byte* base_ = nullptr;
  bool huge_pages_ = false;
};

}  // namespace

std::unique_ptr<KvArena> map_arena(size_t bytes) { return std::make_unique<MappedArena>(bytes); }

}  // namespace longhaul
