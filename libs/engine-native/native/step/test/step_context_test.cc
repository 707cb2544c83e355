// The registry of steps: a handle finds its step while that runs and never after, whoever holds the step keeps it whole,
// and a policy is one that is known.
#include "../step_context.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "../../fault.h"
#include "../ragged_batch.h"

namespace {

using namespace longhaul;

void expect(bool condition, const char* rule) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", rule);
  std::exit(1);
}

void expect_fault(const std::string& field, const char* rule, const std::function<void()>& call) {
  try {
    call();
  } catch (const Fault& fault) {
    expect(fault.kind == FaultKind::kInvalidArgument && fault.field == field, rule);
    return;
  }
  expect(false, rule);
}

StepFacts facts_of(std::vector<int32_t> cu, std::vector<int32_t> past) {
  StepFacts facts;
  facts.pool = std::make_shared<KvPool>(KvPoolShape{1, 1, 32, 4, KvDtype::kBf16});
  facts.cu_seqlens = std::move(cu);
  facts.past_lens = std::move(past);
  return facts;
}

std::shared_ptr<StepContext> some_step() { return std::make_shared<StepContext>(facts_of({0, 2}, {5})); }

void a_handle_finds_its_step_until_the_step_ends() {
  const auto step = some_step();
  int64_t handle;
  {
    const StepRegistration registration(step);
    handle = registration.handle();
    expect(find_step(handle) == step, "a handle finds its step");
  }
  expect_fault("step_context", "a handle whose step has ended is a fault", [&] { find_step(handle); });
  expect_fault("step_context", "a handle that never was is a fault", [] { find_step(1 << 30); });
  const StepRegistration again(step);
  expect(again.handle() != handle, "handles are never used twice");
}

void a_step_in_use_outlives_its_registration() {
  const std::weak_ptr<KvPool> pool = [] {
    auto step = some_step();
    const std::weak_ptr<KvPool> watched = step->facts().pool;
    std::shared_ptr<StepContext> held;
    {
      const StepRegistration registration(step);
      held = find_step(registration.handle());
    }
    step.reset();
    expect(held->facts().past_lens[0] == 5 && !watched.expired(), "whoever holds a step keeps its facts and its pool");
    return watched;
  }();
  expect(pool.expired(), "a step that nobody holds gives up its pool");
}

void the_registry_serves_many_threads() {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([] {
      for (int i = 0; i < 200; i++) {
        const auto step = some_step();
        const StepRegistration registration(step);
        expect(find_step(registration.handle()) == step, "every thread finds its own step");
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

void gates_hold_layers_back_and_name_who_is_left_out() {
  using namespace std::chrono_literals;
  StepFacts facts = facts_of({0, 1, 2, 3}, {3, 3, 3});
  const auto open = std::make_shared<LoadGate>(1, 1h), cancelled = std::make_shared<LoadGate>(1, 1h);
  facts.gates = {{0, open}, {2, cancelled}};
  const StepContext step(std::move(facts));
  std::thread loader([&] { open->advance(1); cancelled->cancel(); });
  expect(step.pass_gates(0) == std::vector<uint8_t>{0, 0, 1}, "the sequence of a cancelled gate is left out, no other");
  loader.join();
  expect(StepContext(facts_of({0, 1}, {0})).pass_gates(0).empty(), "nobody is left out where there are no gates");
}

void cancelling_a_step_frees_who_waits_at_its_gates() {
  StepFacts facts = facts_of({0, 1}, {3});
  facts.gates = {{0, std::make_shared<LoadGate>(1, std::chrono::hours(1))}};
  const StepContext step(std::move(facts));
  std::thread other([&] { step.cancel_gates(); });
  expect(step.pass_gates(0) == std::vector<uint8_t>{1}, "a wait ends with its step");
  other.join();
}

void statistics_add_up() {
  StepContext step(facts_of({0, 1}, {3}));
  step.statistics().layer_done({100, {}});
  step.statistics().layer_done({20, {}});
  expect(step.statistics().layers == 2 && step.statistics().kv_read_bytes == 120, "layers and bytes add up");
}

void bad_lengths_are_named() {
  expect_fault("cuSeqlens", "one boundary too few is a fault", [] { read_batch(facts_of({0}, {0})); });
  expect_fault("cuSeqlens", "boundaries that fall are a fault", [] { read_batch(facts_of({0, 4, 2}, {0, 0})); });
  expect_fault("cuSeqlens", "boundaries start at 0", [] { read_batch(facts_of({1, 2}, {0})); });
  expect_fault("pastLens", "a negative past is a fault", [] { read_batch(facts_of({0, 1}, {-1})); });
  expect(read_batch(facts_of({0, 4, 6}, {1, 2})).total(1) == 4, "a sequence's length is its past and its new tokens");
}

}  // namespace

int main() {
  a_handle_finds_its_step_until_the_step_ends();
  a_step_in_use_outlives_its_registration();
  the_registry_serves_many_threads();
  gates_hold_layers_back_and_name_who_is_left_out();
  cancelling_a_step_frees_who_waits_at_its_gates();
  statistics_add_up();
  bad_lengths_are_named();
  std::puts("step_context_test passed");
}
