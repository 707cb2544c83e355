#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// Blocking file operations on descriptors, for threads that may block. Interrupted calls are repeated, short transfers
// continued. A failed call is told by the number of the error and the name of the system call.
namespace longhaul::io {

// O_DIRECT needs offsets, lengths and addresses at multiples of this.
constexpr size_t kBlock = 4096;

struct Outcome {
  int error = 0;  // errno, 0 on success
  const char* call = "";
  double value = 0;   // what the operation returns, by operation
  double second = 0;
};

struct Piece {
  const uint8_t* data;
  size_t size;
};

struct OpenFlags {
  bool write;
  bool create;
  bool direct;
};

// value: the descriptor; second: 1 where the file bypasses the page cache.
Outcome open_file(const char* path, OpenFlags flags);
Outcome close_file(int fd);
// Writes the pieces one after the other. A direct file takes pieces of any address and size when their total and the
// offset are multiples of kBlock.
Outcome write_at(int fd, const std::vector<Piece>& pieces, uint64_t offset, bool direct);
// value: bytes read, fewer than asked only at the end of the file.
Outcome read_at(int fd, uint8_t* into, size_t size, uint64_t offset);
Outcome sync_data(int fd);
// value: 1 if the file system did it, 0 where it cannot.
Outcome allocate(int fd, uint64_t offset, uint64_t length);
Outcome punch_hole(int fd, uint64_t offset, uint64_t length);
Outcome truncate_file(int fd, uint64_t length);
// value: length in bytes; second: bytes the file system has allocated.
Outcome stat_file(int fd);
// Makes renames and new names in the folder durable.
Outcome sync_directory(const char* path);
// value: a descriptor whose closing gives the lock back. EWOULDBLOCK: another holder.
Outcome lock_directory(const char* path);

}  // namespace longhaul::io
