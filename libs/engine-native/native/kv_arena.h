#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace longhaul {

// The memory that one layer group of a KV pool lives in. The pool says how much it needs and decides what is where; an
// arena only holds bytes.
class KvArena {
 public:
  virtual ~KvArena() = default;

  // At least the bytes asked for, aligned to 64, zero at first; the same piece as long as the arena lives.
  virtual std::span<std::byte> memory() const = 0;
  // Whether the memory is made of huge pages.
  virtual bool huge_pages() const = 0;
};

// Makes an arena of so many bytes, at least one. Throws Fault kResourceExhausted (naming the bytes) when memory is short.
using ArenaFactory = std::function<std::unique_ptr<KvArena>(size_t bytes)>;

// Anonymous memory of this process, on huge pages where the kernel grants them; it becomes resident as it is touched.
std::unique_ptr<KvArena> map_arena(size_t bytes);

}  // namespace longhaul
