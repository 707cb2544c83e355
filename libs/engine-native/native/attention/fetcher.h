// Brings the keys and values of the next key block into L2 while this one is computed. Include it behind the level's
// `#pragma GCC target`; internal linkage.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tile_rows.h"

namespace longhaul::attention {
namespace {

/**
 * Asks for the lines of KeyBlock::next in order, as many as the share of the block's work that is done: a processor has
 * few places to wait for lines in, and asked for in bursts they hold up the computing, which then waits for memory and
 * memory for it. Work has any unit, the same in all that is said of a block.
 */
class Fetcher {
 public:
  /** Fetches slices of `bytes` for the pages [begin, end) while `work` is done; nothing where `fetches` is false. */
  Fetcher(const KeyBlock& keys, int begin, int end, size_t bytes, size_t work, bool fetches)
      : keys_(keys), page_(begin), end_(fetches ? end : begin), bytes_(bytes) {
    lines_ = static_cast<size_t>(end_ - page_) * (bytes / kLine);
    pace_ = static_cast<uint32_t>((lines_ << kFraction) / (work > 0 ? work : 1)) + 1;
    turn();
  }

  /** Says that `work` more is done. */
  LONGHAUL_INLINE void advance(uint32_t work) {
    due_ += pace_ * work;
    while (due_ >= (1u << kFraction)) {
      due_ -= 1u << kFraction;
      if (at_ == stop_) return;
      __builtin_prefetch(at_, 0, 2);
      at_ += kLine;
      if (at_ == stop_) turn();
    }
  }

 private:
  static constexpr int kFraction = 16;

  void turn() {
    while (page_ < end_ && keys_.next[page_] == nullptr) ++page_;
    if (page_ >= end_) {
      at_ = stop_ = nullptr;
      return;
    }
    at_ = keys_.next[page_++];
    stop_ = at_ + bytes_;
  }

  const KeyBlock& keys_;
  int page_;
  int end_;
  size_t bytes_;
  size_t lines_;
  uint32_t pace_;
  uint32_t due_ = 0;
  const std::byte* at_;
  const std::byte* stop_;
};

}  // namespace
}  // namespace longhaul::attention
