#include "log_ring.h"

#include <utility>

namespace longhaul {
namespace {

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// Cuts between characters, so that the rest stays valid UTF-8.
void shorten(std::string& text, size_t most) {
  if (text.size() <= most) return;
  size_t end = most;
  while (end > 0 && is_continuation(text[end])) end--;
  const size_t rest = text.size() - end;
  text.resize(end);
  text += " [" + std::to_string(rest) + " bytes more]";
}

}  // namespace

void LogRing::push(LogLine line) {
  shorten(line.message, kMaxMessageBytes);
  std::lock_guard lock(mutex_);
  if (lines_.size() == kMaxLines) {
    lines_.pop_front();
    lost_++;
  }
  lines_.push_back(std::move(line));
  // Under the lock: whoever takes the listener away knows that it is not running.
  if (wake_ && lines_.size() == 1) wake_();
}

LogRing::Batch LogRing::drain() {
  std::lock_guard lock(mutex_);
  Batch batch;
  batch.lines.assign(std::make_move_iterator(lines_.begin()), std::make_move_iterator(lines_.end()));
  batch.lost = std::exchange(lost_, 0);
  lines_.clear();
  return batch;
}

void LogRing::on_lines(std::function<void()> wake) {
  std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  if (wake_ && !lines_.empty()) wake_();
}

LogRing& log_ring() {
  static auto* ring = new LogRing;  // never destroyed: threads of the library may write until the process has ended
  return *ring;
}

}  // namespace longhaul
