// What a pool keeps beside every slice, for whoever chooses pages: channels, each declared when the pool is made, in the
// order of their numbers. A channel is a function of the keys that the page holds, as RoPE left them and as the pool
// gives them back, whatever the pool's type: so it is the same however a page was filled.
#pragma once

#include <cstddef>
#include <cstdint>

namespace longhaul {

enum class KvChannel : uint8_t {
  /** Least and greatest key per dimension, bf16 [2][head_dim], rounded outwards (Quest, arXiv:2406.10774, section 3.3). */
  kKeyBounds,
};
constexpr KvChannel kKvChannels[] = {KvChannel::kKeyBounds};

struct ChannelTraits {
  const char* name;
  /** Bytes per dimension of a head. With heads of 16 dimensions and more a multiple of 64 in all. */
  int dim_bytes;
};

constexpr ChannelTraits traits_of(KvChannel channel) {
  switch (channel) {
    case KvChannel::kKeyBounds:
      return {"key-bounds", 4};
  }
  __builtin_unreachable();
}

/** A set of channels. */
class KvChannels {
 public:
  constexpr bool any() const { return bits_ != 0; }
  constexpr bool has(KvChannel channel) const { return (bits_ >> static_cast<int>(channel) & 1u) != 0; }
  constexpr bool has_all(KvChannels others) const { return (others.bits_ & ~bits_) == 0; }
  constexpr KvChannels with(KvChannel channel) const {
    KvChannels more = *this;
    more.bits_ |= 1u << static_cast<int>(channel);
    return more;
  }

  /** Bytes of all channels of one slice. */
  constexpr size_t bytes(int head_dim) const { return bytes_below(sizeof kKvChannels / sizeof *kKvChannels, head_dim); }
  /** Where a channel begins among them. */
  constexpr size_t offset_of(KvChannel channel, int head_dim) const {
    return bytes_below(static_cast<size_t>(channel), head_dim);
  }

 private:
  constexpr size_t bytes_below(size_t count, int head_dim) const {
    size_t sum = 0;
    for (size_t i = 0; i < count; ++i) {
      if (has(kKvChannels[i])) sum += static_cast<size_t>(traits_of(kKvChannels[i]).dim_bytes) * static_cast<size_t>(head_dim);
    }
    return sum;
  }

  uint32_t bits_ = 0;
};

/** KvChannel::kKeyBounds of a slice, bf16 [head_dim] each. */
struct KeyBounds {
  const uint16_t* least;
  const uint16_t* greatest;
};

}  // namespace longhaul
