// Properties of the ring of log lines: order, bounds, and who is woken.
#include "logging/log_ring.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

using longhaul::LogLine;
using longhaul::LogRing;

namespace {

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

LogLine line(std::string message) { return LogLine{2, "onnxruntime", "here", std::move(message)}; }

void gives_lines_in_order() {
  LogRing ring;
  for (int i = 0; i < 3; i++) ring.push(line(std::to_string(i)));
  const auto batch = ring.drain();
  expect(batch.lines.size() == 3 && batch.lines[0].message == "0" && batch.lines[2].message == "2", "order");
  expect(batch.lost == 0 && ring.drain().lines.empty(), "drained once");
}

void gives_up_the_oldest_and_counts_them() {
  LogRing ring;
  for (size_t i = 0; i < LogRing::kMaxLines + 5; i++) ring.push(line(std::to_string(i)));
  const auto batch = ring.drain();
  expect(batch.lines.size() == LogRing::kMaxLines && batch.lost == 5, "bound");
  expect(batch.lines.front().message == "5", "the oldest go");
  ring.push(line("x"));
  expect(ring.drain().lost == 0, "counted once");
}

void cuts_long_messages_between_characters() {
  LogRing ring;
  std::string text(LogRing::kMaxMessageBytes - 1, 'a');
  ring.push(line(text + "\xC3\xA4" + "b"));
  expect(ring.drain().lines[0].message == text + " [3 bytes more]", "cut");
}

void wakes_once_until_drained() {
  LogRing ring;
  int woken = 0;
  ring.push(line("before"));
  ring.on_lines([&] { woken++; });
  expect(woken == 1, "woken for what was there");
  ring.push(line("second"));
  expect(woken == 1, "not again before a drain");
  ring.drain();
  ring.push(line("third"));
  expect(woken == 2, "again after it");
  ring.on_lines(nullptr);
  ring.drain();
  ring.push(line("fourth"));
  expect(woken == 2, "nobody listens");
}

void loses_nothing_between_threads() {
  LogRing ring;
  std::atomic<int> woken{0};
  ring.on_lines([&] { woken++; });
  constexpr int kThreads = 4, kLines = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++)
    threads.emplace_back([&] {
      for (int i = 0; i < kLines; i++) ring.push(line("x"));
    });
  size_t seen = 0;
  while (seen < kThreads * kLines) {
    const auto batch = ring.drain();
    seen += batch.lines.size() + batch.lost;
    std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  expect(seen == kThreads * kLines && woken > 0, "every line is given or counted");
}

}  // namespace

int main() {
  gives_lines_in_order();
  gives_up_the_oldest_and_counts_them();
  cuts_long_messages_between_characters();
  wakes_once_until_drained();
  loses_nothing_between_threads();
  return 0;
}
