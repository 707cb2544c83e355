#include "scratch.h"

#include <memory>
#include <new>

namespace longhaul::attention {
namespace {

constexpr std::align_val_t kAlignment{64};

struct Release {
  void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
};

struct Buffer {
  std::unique_ptr<std::byte, Release> memory;
  size_t bytes = 0;
};

Buffer& thread_buffer() {
  thread_local Buffer buffer;
  return buffer;
}

}  // namespace

size_t thread_scratch_bytes() { return thread_buffer().bytes; }

std::byte* thread_scratch(size_t bytes) {
  Buffer& buffer = thread_buffer();
  if (bytes > buffer.bytes) {
    buffer.memory.reset();
    buffer.bytes = 0;
    buffer.memory.reset(static_cast<std::byte*>(::operator new(bytes, kAlignment)));
    buffer.bytes = bytes;
  }
  return buffer.memory.get();
}

}  // namespace longhaul::attention
