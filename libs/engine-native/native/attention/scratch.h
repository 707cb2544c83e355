// Working memory of one thread: aligned, grows and is kept until the thread ends.
#pragma once

#include <cstddef>

namespace longhaul::attention {

/** The calling thread's buffer of at least `bytes` bytes, aligned to 64. Valid until the next call on this thread. */
std::byte* thread_scratch(size_t bytes);

/** What the calling thread keeps. */
size_t thread_scratch_bytes();

}  // namespace longhaul::attention
