// The gate: who waits passes in order or goes on after a cancellation, nobody waits for ever, and a verdict stays. Run
// with ThreadSanitizer it proves that a layer is visible to whoever has passed.
#include "../load_gate.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "../../fault.h"

namespace {

using namespace longhaul;
using namespace std::chrono_literals;

void expect(bool condition, const char* rule) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", rule);
  std::exit(1);
}

void expect_refused(const std::string& field, const char* rule, const std::function<void()>& call) {
  try {
    call();
  } catch (const Fault& fault) {
    expect(fault.kind == FaultKind::kInvalidArgument && fault.field == field, rule);
    return;
  }
  expect(false, rule);
}

void layers_are_read_only_when_they_are_there() {
  constexpr int kLayers = 64, kReaders = 3;
  LoadGate gate(kLayers, 1h);
  std::vector<int> pages(kLayers, 0);  // plain memory: the gate alone orders its use
  std::vector<std::thread> readers;
  for (int r = 0; r < kReaders; r++) {
    readers.emplace_back([&] {
      for (int layer = 0; layer < kLayers; layer++) {
        expect(gate.wait(layer), "an open gate lets everybody pass");
        expect(pages[layer] == layer + 1, "a layer that was passed has its contents");
      }
    });
  }
  for (int layer = 0; layer < kLayers; layer++) {
    pages[layer] = layer + 1;
    if (layer % 7 == 0) std::this_thread::yield();
    gate.advance(layer + 1);
  }
  for (auto& reader : readers) reader.join();
  expect(gate.complete() && !gate.cancelled(), "a gate with all its layers is complete");
}

void a_cancelled_gate_lets_waiters_go() {
  LoadGate gate(4, 1h);
  gate.advance(2);
  expect(gate.wait(1), "a layer that is there is passed at once");
  std::thread waiter([&] { expect(!gate.wait(2), "a cancellation is told to whoever waits"); });
  gate.cancel();
  waiter.join();
  expect(!gate.wait(0), "after a cancellation nothing is to be read, whatever was there");
  gate.advance(4);
  expect(gate.cancelled() && !gate.complete(), "a cancelled gate never opens again");
}

void a_complete_gate_is_not_cancelled() {
  LoadGate gate(2, 1h);
  gate.advance(2);
  gate.cancel();
  expect(gate.complete() && !gate.cancelled() && gate.wait(1), "what is complete stays so");
  gate.advance(1);
  expect(gate.wait(1), "a gate never closes again");
}

void nobody_waits_beyond_the_patience() {
  LoadGate gate(2, 1ms);
  gate.advance(1);
  expect(!gate.wait(1), "a wait ends with the patience");
  expect(gate.cancelled(), "who gives up cancels for everybody");
  expect(gate.waited() > 0ns, "waiting is counted");
  LoadGate late(1, 1ms);
  std::this_thread::sleep_for(5ms);
  late.advance(1);
  expect(late.wait(0) && late.complete(), "patience is for waiting: a layer that is there is passed at any time");
}

void racing_verdicts_agree() {
  for (int round = 0; round < 200; round++) {
    LoadGate gate(1, 1h);
    bool passed = false;
    std::thread reader([&] { passed = gate.wait(0); });
    std::thread canceller([&] { gate.cancel(); });
    gate.advance(1);
    canceller.join();
    reader.join();
    expect(gate.complete() != gate.cancelled(), "a gate is complete or cancelled, never both");
    expect(passed == gate.complete(), "what a reader was told is what the gate says");
  }
}

void faults_are_typed() {
  expect_refused("layers", "a gate needs a layer", [] { LoadGate(0, 1ms); });
  expect_refused("patienceMs", "a gate needs patience", [] { LoadGate(1, 0ms); });
  expect_refused("patienceMs", "patience has a bound", [] { LoadGate(1, std::chrono::milliseconds::max()); });
  LoadGate gate(3, 1s);
  expect_refused("layers", "more layers than there are is refused", [&] { gate.advance(4); });
}

}  // namespace

int main() {
  layers_are_read_only_when_they_are_there();
  a_cancelled_gate_lets_waiters_go();
  a_complete_gate_is_not_cancelled();
  nobody_waits_beyond_the_patience();
  racing_verdicts_agree();
  faults_are_typed();
  std::puts("load_gate_test passed");
}
