// Memory that kernels are measured over: keys and values, or weights, of any type.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "../fault.h"

namespace longhaul::kernels {

/**
 * Anonymous memory, in huge pages where the system grants them, as the KV pool has. It is full of bytes that are a number
 * of moderate size in every type that kernels read (bf16, f32, half, int8), none of them NaN, infinite or denormal.
 */
class BenchMemory {
 public:
  explicit BenchMemory(size_t bytes) : mapped_((bytes + kHugePage - 1) / kHugePage * kHugePage + kHugePage) {
    mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping_ == MAP_FAILED) throw Fault(FaultKind::kResourceExhausted, "no memory to measure kernels over");
    const auto start = (reinterpret_cast<uintptr_t>(mapping_) + kHugePage - 1) / kHugePage * kHugePage;
    base_ = reinterpret_cast<std::byte*>(start);
    bytes_ = mapped_ - kHugePage;
    madvise(base_, bytes_, MADV_HUGEPAGE);
    fill();
  }
  ~BenchMemory() { munmap(mapping_, mapped_); }
  BenchMemory(const BenchMemory&) = delete;
  BenchMemory& operator=(const BenchMemory&) = delete;

  std::byte* base() const { return base_; }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20, kPattern = size_t{64} << 10;

  void fill() {
    constexpr uint8_t kBytes[] = {0x3d, 0x3e, 0x3f, 0xbd, 0xbe, 0xbf, 0x3c, 0xbc};
    std::mt19937 random(1);
    std::vector<uint8_t> pattern(kPattern);
    for (uint8_t& byte : pattern) byte = kBytes[random() % 8];
    for (size_t at = 0; at < bytes_; at += kPattern) std::memcpy(base_ + at, pattern.data(), kPattern);
  }

  size_t mapped_;
  void* mapping_;
  std::byte* base_;
  size_t bytes_;
};

}  // namespace longhaul::kernels
