#include "file_io.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace longhaul::io {
namespace {

constexpr size_t kBounceBytes = 4u << 20;
constexpr size_t kMaxPieces = 64;

Outcome failed(const char* call) { return {errno, call, 0, 0}; }

template <class F>
auto repeat(F&& f) {
  auto result = f();
  while (result < 0 && errno == EINTR) result = f();
  return result;
}

Outcome write_all(int fd, const uint8_t* data, size_t size, uint64_t offset) {
  while (size > 0) {
    const ssize_t done = repeat([&] { return pwrite(fd, data, size, static_cast<off_t>(offset)); });
    if (done < 0) return failed("pwrite");
    if (done == 0) return {ENOSPC, "pwrite", 0, 0};
    data += done;
    size -= static_cast<size_t>(done);
    offset += static_cast<uint64_t>(done);
  }
  return {};
}

// Takes the descriptor: it is closed where no blocks can be in it.
Outcome opened(int fd, bool direct) {
  struct stat facts;
  if (fstat(fd, &facts) != 0) {
    const Outcome outcome = failed("fstat");
    close(fd);
    return outcome;
  }
  if (!S_ISFIFO(facts.st_mode) && !S_ISDIR(facts.st_mode)) return {0, "", static_cast<double>(fd), direct ? 1.0 : 0.0};
  close(fd);
  return {S_ISDIR(facts.st_mode) ? EISDIR : ESPIPE, "open", 0, 0};
}

bool is_aligned(const Piece& piece) {
  return (reinterpret_cast<uintptr_t>(piece.data) | piece.size) % kBlock == 0;
}

// Through an aligned buffer: the pieces may begin and end anywhere.
Outcome write_bounced(int fd, const std::vector<Piece>& pieces, uint64_t offset) {
  size_t total = 0;
  for (const Piece& piece : pieces) total += piece.size;
  const size_t capacity = std::min(kBounceBytes, (total + kBlock - 1) / kBlock * kBlock);
  if (capacity == 0) return {};
  std::unique_ptr<uint8_t, decltype(&std::free)> bounce(static_cast<uint8_t*>(std::aligned_alloc(kBlock, capacity)), std::free);
  if (!bounce) return {ENOMEM, "aligned_alloc", 0, 0};
  size_t filled = 0;
  for (Piece piece : pieces) {
    while (piece.size > 0) {
      const size_t take = std::min(piece.size, capacity - filled);
      std::memcpy(bounce.get() + filled, piece.data, take);
      piece = {piece.data + take, piece.size - take};
      filled += take;
      if (filled < capacity) continue;
      if (const Outcome outcome = write_all(fd, bounce.get(), filled, offset); outcome.error != 0) return outcome;
      offset += filled;
      filled = 0;
    }
  }
  return write_all(fd, bounce.get(), filled, offset);
}

Outcome write_gathered(int fd, const std::vector<Piece>& pieces, uint64_t offset) {
  std::vector<iovec> vectors;
  for (const Piece& piece : pieces) {
    if (piece.size > 0) vectors.push_back({const_cast<uint8_t*>(piece.data), piece.size});
  }
  size_t first = 0;
  while (first < vectors.size()) {
    const int count = static_cast<int>(std::min(kMaxPieces, vectors.size() - first));
    ssize_t done = repeat([&] { return pwritev(fd, &vectors[first], count, static_cast<off_t>(offset)); });
    if (done < 0) return failed("pwritev");
    if (done == 0) return {ENOSPC, "pwritev", 0, 0};
    offset += static_cast<uint64_t>(done);
    for (size_t left = static_cast<size_t>(done); left > 0;) {
      iovec& vector = vectors[first];
      const size_t take = std::min(left, vector.iov_len);
      vector = {static_cast<uint8_t*>(vector.iov_base) + take, vector.iov_len - take};
      left -= take;
      if (vector.iov_len == 0) first++;
    }
  }
  return {};
}

}  // namespace

Outcome open_file(const char* path, OpenFlags flags) {
  // A pipe must neither be waited for nor read: its other end may never come.
  const int base = (flags.write ? O_RDWR : O_RDONLY) | (flags.create ? O_CREAT : 0) | O_CLOEXEC | O_NONBLOCK;
#if defined(O_DIRECT)
  if (flags.direct) {
    const int fd = repeat([&] { return open(path, base | O_DIRECT, 0600); });
    if (fd >= 0) return opened(fd, true);
    // The file system may not know direct I/O: then buffered.
    if (errno != EINVAL) return failed("open");
  }
#endif
  const int fd = repeat([&] { return open(path, base, 0600); });
  if (fd < 0) return failed("open");
  return opened(fd, false);
}

Outcome close_file(int fd) {
  // Not repeated: after EINTR the descriptor is closed on Linux and may be another file already.
  if (close(fd) < 0 && errno != EINTR) return failed("close");
  return {};
}

Outcome write_at(int fd, const std::vector<Piece>& pieces, uint64_t offset, bool direct) {
  if (!direct) return write_gathered(fd, pieces, offset);
  if (std::all_of(pieces.begin(), pieces.end(), is_aligned)) return write_gathered(fd, pieces, offset);
  return write_bounced(fd, pieces, offset);
}

Outcome read_at(int fd, uint8_t* into, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = repeat([&] { return pread(fd, into + done, size - done, static_cast<off_t>(offset + done)); });
    if (got < 0) return failed("pread");
    if (got == 0) break;
    done += static_cast<size_t>(got);
    // A direct read that ends off a block boundary is the end of the file; going on from there would be refused.
    if (done % kBlock != 0 && done < size && offset % kBlock == 0 && static_cast<size_t>(got) % kBlock != 0) break;
  }
  return {0, "", static_cast<double>(done), 0};
}

Outcome sync_data(int fd) {
#if defined(__APPLE__)
  if (repeat([&] { return fcntl(fd, F_FULLFSYNC); }) < 0) return failed("fsync");
#else
  if (repeat([&] { return fdatasync(fd); }) < 0) return failed("fdatasync");
#endif
  return {};
}

Outcome allocate(int fd, uint64_t offset, uint64_t length) {
#if defined(__linux__)
  const int status =
      repeat([&] { return fallocate(fd, 0, static_cast<off_t>(offset), static_cast<off_t>(length)); });
  if (status == 0) return {0, "", 1, 0};
  if (errno != EOPNOTSUPP && errno != ENOSYS) return failed("fallocate");
#else
  (void)fd, (void)offset, (void)length;
#endif
  return {};
}

Outcome punch_hole(int fd, uint64_t offset, uint64_t length) {
#if defined(__linux__)
  const int status = repeat([&] {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(length));
  });
  if (status == 0) return {0, "", 1, 0};
  if (errno != EOPNOTSUPP && errno != ENOSYS) return failed("fallocate");
#else
  (void)fd, (void)offset, (void)length;
#endif
  return {};
}

Outcome truncate_file(int fd, uint64_t length) {
  if (repeat([&] { return ftruncate(fd, static_cast<off_t>(length)); }) < 0) return failed("ftruncate");
  return {};
}

Outcome stat_file(int fd) {
  struct stat status;
  if (fstat(fd, &status) < 0) return failed("fstat");
  // st_blocks counts units of 512 bytes whatever the file system's block is.
  return {0, "", static_cast<double>(status.st_size), static_cast<double>(status.st_blocks) * 512};
}

Outcome sync_directory(const char* path) {
  const int fd = repeat([&] { return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return failed("open");
  const int status = repeat([&] { return fsync(fd); });
  const Outcome outcome = status < 0 ? failed("fsync") : Outcome{};
  close(fd);
  return outcome;
}

Outcome lock_directory(const char* path) {
  const int fd = repeat([&] { return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return failed("open");
  if (repeat([&] { return flock(fd, LOCK_EX | LOCK_NB); }) < 0) {
    const Outcome outcome = failed("flock");
    close(fd);
    return outcome;
  }
  return {0, "", static_cast<double>(fd), 0};
}

}  // namespace longhaul::io
