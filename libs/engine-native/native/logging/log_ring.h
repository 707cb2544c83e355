#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace longhaul {

// One line of ONNX Runtime. `severity` counts from 0 (verbose) to 4 (fatal).
struct LogLine {
  int severity = 0;
  std::string category;
  std::string location;
  std::string message;
};

// Log lines on their way from whichever thread wrote them to the one that reads them. Bounded: when nobody reads, the
// oldest lines go and are counted.
class LogRing {
 public:
  static constexpr size_t kMaxLines = 256;
  // A longer message is cut and says by how much.
  static constexpr size_t kMaxMessageBytes = 4096;

  struct Batch {
    std::vector<LogLine> lines;
    // Lines that were given up before the first of these.
    size_t lost = 0;
  };

  // Any thread.
  void push(LogLine line);
  // Everything there is, oldest first.
  Batch drain();
  // `wake` is called by the thread that pushes, when there is something to drain; it must not block or call back into
  // this object. Once this returns, the one before is not running and is never called again. Null: nobody.
  void on_lines(std::function<void()> wake);

 private:
  std::mutex mutex_;
  std::deque<LogLine> lines_;
  size_t lost_ = 0;
  std::function<void()> wake_;
};

// The ring of the process.
LogRing& log_ring();

}  // namespace longhaul
