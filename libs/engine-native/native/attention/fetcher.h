// How the tile executors of an int8 pool fetch ahead. Include it behind the level's `#pragma GCC target`.
#pragma once

#include "tile_rows.h"

namespace longhaul::attention {
namespace {

/**
 * Brings the slices of the next key block into L2, a few lines at a time: as many as memory delivers while the processor
 * computes, evenly over all of the computing, or the rest waits for them in the queue of the cache.
 */
class Fetcher {
 public:
  Fetcher(const KeyBlock& keys, int begin, int end, size_t bytes) : keys_(keys), page_(begin), end_(end), bytes_(bytes) {}

  LONGHAUL_INLINE void lines(int count) {
    for (; count > 0 && page_ < end_; --count) {
      __builtin_prefetch(keys_.next[page_] + at_, 0, 2);
      at_ += kLine;
      if (at_ >= bytes_) {
        at_ = 0;
        ++page_;
      }
    }
  }

 private:
  const KeyBlock& keys_;
  int page_;
  int end_;
  size_t bytes_;
  size_t at_ = 0;
};

}  // namespace
}  // namespace longhaul::attention
