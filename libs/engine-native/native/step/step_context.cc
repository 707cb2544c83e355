#include "step_context.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <unordered_map>

#include "../fault.h"

namespace longhaul {
namespace {

struct Registry {
  std::mutex mutex;
  int64_t last = 0;
  std::unordered_map<int64_t, std::shared_ptr<StepContext>> steps;
};

Registry& registry() {
  static auto* instance = new Registry;  // never destroyed: an engine thread may look at it during process exit
  return *instance;
}

}  // namespace

int64_t StepFacts::rope_pairs() const {
  return rope_scale.empty() ? 0 : static_cast<int64_t>(rope_inv_freq.size() / rope_scale.size());
}

void StepStatistics::layer_done(const AttentionReport& report) {
  kv_read_bytes.fetch_add(report.kv_read_bytes, std::memory_order_relaxed);
  select_ns.fetch_add(report.select_ns, std::memory_order_relaxed);
  // One thread writes.
  score_bytes.store(std::max(score_bytes.load(std::memory_order_relaxed), report.score_bytes), std::memory_order_relaxed);
  for (size_t i = 0; i < report.sequences.size(); i++) {
    const SequenceDensity& from = report.sequences[i];
    SequenceDensity& to = sequences[i];
    to.prefill_visible += from.prefill_visible;
    to.prefill_read += from.prefill_read;
    to.decode_visible += from.decode_visible;
    to.decode_read += from.decode_read;
    to.kv_read_bytes += from.kv_read_bytes;
    to.audit.add(from.audit);
  }
  layers.fetch_add(1, std::memory_order_relaxed);
}

std::vector<uint8_t> StepContext::pass_gates(int layer) const {
  std::vector<uint8_t> skipped;
  for (const GatedSequence& gated : facts_.gates) {
    if (gated.gate->wait(layer)) continue;
    skipped.resize(facts_.past_lens.size());
    skipped[static_cast<size_t>(gated.sequence)] = 1;
  }
  return skipped;
}

void StepContext::cancel_gates() const {
  for (const GatedSequence& gated : facts_.gates) gated.gate->cancel();
}

StepRegistration::StepRegistration(std::shared_ptr<StepContext> step) {
  Registry& self = registry();
  std::lock_guard lock(self.mutex);
  handle_ = ++self.last;
  self.steps[handle_] = std::move(step);
}

StepRegistration::~StepRegistration() {
  Registry& self = registry();
  std::shared_ptr<StepContext> last_reference;  // it may hold the last one of a pool, whose end takes time
  std::lock_guard lock(self.mutex);
  const auto found = self.steps.find(handle_);
  last_reference = std::move(found->second);
  self.steps.erase(found);
}

std::shared_ptr<StepContext> find_step(int64_t handle) {
  Registry& self = registry();
  std::lock_guard lock(self.mutex);
  const auto found = self.steps.find(handle);
  if (found == self.steps.end())
    throw invalid("step_context", "no step with handle " + std::to_string(handle) + " runs; it has ended, or never was");
  return found->second;
}

}  // namespace longhaul
