// Whether this process may use the tile registers of AMX: Linux hands out their 8 KiB a thread only on request.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace longhaul::cpu {

/** Tile configuration and tile data in XCR0: the operating system saves both. */
constexpr uint64_t kTileState = 0x60000;

struct TilePermission {
  bool granted = false;
  /** Why tiles cannot be used although the processor has them; empty where it has none, or where they can. */
  std::string problem;
};

/**
 * Asks the operating system, which answers for all threads of the process, those that run already included; children
 * inherit the answer until they start another program. Memory for a thread's registers comes when it first uses them.
 * Linux refuses where a thread has an alternate signal stack that could not hold them. `state` is the XCR0 register.
 *
 * Source: Linux, Documentation/arch/x86/xstate.rst.
 */
inline TilePermission request_tiles([[maybe_unused]] uint64_t state) {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  if ((state & kTileState) != kTileState) return {false, "the operating system does not save tile registers"};
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0) return {true, ""};
  return {false, std::string("the operating system refused tile registers: ") + std::strerror(errno)};
#else
  return {false, "tile registers are used on Linux only"};
#endif
}

}  // namespace longhaul::cpu
