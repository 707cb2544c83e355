#include "sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "candidates.h"
#include "row_kernels.h"

namespace longhaul::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int32_t kNoIdCut = std::numeric_limits<int32_t>::max();
// Above this a threshold scan with a heap costs more than a partial sort.
constexpr int32_t kHeapLimit = 4096;
// Candidates looked at first for top-p; a language model's nucleus is nearly always smaller.
constexpr int32_t kNucleusProbe = 256;
// What a request may ask for. Checked before a step as well; a value outside is a defect of the caller.
constexpr double kMaxTemperature = 2.0;
constexpr double kMinRepetition = 0.01;
constexpr double kMaxRepetition = 100.0;
constexpr double kMaxPenalty = 2.0;
constexpr double kMaxBias = 100.0;

bool ids_in_range(std::span<const int32_t> ids, size_t vocab) {
  return std::all_of(ids.begin(), ids.end(),
                     [vocab](int32_t id) { return id >= 0 && static_cast<size_t>(id) < vocab; });
}

// False for NaN as well.
bool within(double value, double least, double most) { return value >= least && value <= most; }

bool ranges_valid(const SampleSpec& spec) {
  return within(spec.temperature, 0, kMaxTemperature) && spec.top_p > 0 && spec.top_p <= 1 && spec.top_k >= 0 &&
         within(spec.min_p, 0, 1) && within(spec.repetition_penalty, kMinRepetition, kMaxRepetition) &&
         within(spec.presence_penalty, -kMaxPenalty, kMaxPenalty) &&
         within(spec.frequency_penalty, -kMaxPenalty, kMaxPenalty) && spec.logprobs >= -1;
}

bool valid(const SampleSpec& spec, size_t vocab) {
  const auto bias_valid = [](float value) { return within(static_cast<double>(value), -kMaxBias, kMaxBias); };
  return ranges_valid(spec) && vocab > 0 && spec.seen_tokens.size() == spec.seen_counts.size() &&
         spec.bias_tokens.size() == spec.bias_values.size() && ids_in_range(spec.seen_tokens, vocab) &&
         ids_in_range(spec.bias_tokens, vocab) && ids_in_range(spec.banned_tokens, vocab) &&
         std::all_of(spec.bias_values.begin(), spec.bias_values.end(), bias_valid);
}

bool changes_logits(const SampleSpec& spec) {
  const bool penalised = spec.repetition_penalty != 1.0 || spec.presence_penalty != 0.0 || spec.frequency_penalty != 0.0;
  return !spec.bias_tokens.empty() || !spec.banned_tokens.empty() || (penalised && !spec.seen_tokens.empty());
}

// The nearest f32 that is finite; -infinity, which stands for a token that cannot be drawn, stays what it is.
float saturated(double value) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (value > kLargest) return std::numeric_limits<float>::max();
  if (value < -kLargest && std::isfinite(value)) return std::numeric_limits<float>::lowest();
  return static_cast<float>(value);
}

// Each step is computed in double and rounded to f32 once, so that every implementation agrees to the bit.
void apply_penalties(float* z, const SampleSpec& spec) {
  for (size_t i = 0; i < spec.seen_tokens.size(); ++i) {
    float& value = z[spec.seen_tokens[i]];
    const double repetition = spec.repetition_penalty;
    value = saturated(value > 0 ? value / repetition : value * repetition);
    const int32_t count = spec.seen_counts[i];
    if (count <= 0) continue;
    // Kept apart from the subtraction: a fused multiply-add would round differently.
    volatile double frequency = spec.frequency_penalty * count;
    value = saturated(value - frequency);
    value = saturated(value - spec.presence_penalty);
  }
}

const float* processed(const float* logits, size_t vocab, const SampleSpec& spec, std::vector<float>& scratch) {
  if (!changes_logits(spec)) return logits;
  scratch.assign(logits, logits + vocab);
  for (size_t i = 0; i < spec.bias_tokens.size(); ++i) {
    float& value = scratch[static_cast<size_t>(spec.bias_tokens[i])];
    value = saturated(static_cast<double>(value) + static_cast<double>(spec.bias_values[i]));
  }
  apply_penalties(scratch.data(), spec);
  for (const int32_t id : spec.banned_tokens) scratch[static_cast<size_t>(id)] = -kInfinity;
  return scratch.data();
}

// A number that orders as the float does, and back: finite floats are then a range of integers.
int32_t ordinal(float value) {
  const auto bits = std::bit_cast<int32_t>(value);
  return bits >= 0 ? bits : -(bits & std::numeric_limits<int32_t>::max());
}
float float_at(int32_t ordinal) {
  return ordinal >= 0 ? std::bit_cast<float>(ordinal) : -std::bit_cast<float>(-ordinal);
}

// The smallest f32 whose scaled distance from the maximum is at least log(min_p). By bisection: near zero a walk over
// neighbouring floats can meet a billion of them whose distance rounds to the same.
float min_p_cut(float z_max, const SampleSpec& spec) {
  if (spec.min_p <= 0) return -kInfinity;
  const double limit = std::log(spec.min_p);
  const auto passes = [&](float z) {
    return (static_cast<double>(z) - static_cast<double>(z_max)) / spec.temperature >= limit;
  };
  int64_t out = int64_t{ordinal(std::numeric_limits<float>::lowest())} - 1;
  int64_t in = ordinal(z_max);
  while (in - out > 1) {
    const int64_t middle = out + (in - out) / 2;
    (passes(float_at(static_cast<int32_t>(middle))) ? in : out) = middle;
  }
  return float_at(static_cast<int32_t>(in));
}

double mass_of(float z, const NoiseSearch& search) {
  return std::exp((static_cast<double>(z) - static_cast<double>(search.z_max)) / search.temperature);
}

// Length of the shortest head of `sorted` with at least `target` mass, or sorted.size() + 1 if it has less.
size_t nucleus_length(const std::vector<Candidate>& sorted, double target, const NoiseSearch& search) {
  double mass = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    mass += mass_of(sorted[i].z, search);
    if (mass >= target) return i + 1;
  }
  return sorted.size() + 1;
}

int32_t draw_among(const std::vector<Candidate>& candidates, NoiseSearch& search) {
  for (const Candidate& candidate : candidates) consider(search, candidate.z, static_cast<uint32_t>(candidate.token));
  return search.best_token;
}

// top-k small enough for a list: min-p and top-p cut the list's tail.
int32_t draw_from_list(const float* z, size_t vocab, const SampleSpec& spec, NoiseSearch& search) {
  std::vector<Candidate> list = largest(best_kernels(), z, vocab, spec.top_k, search.z_cut);
  if (spec.top_p < 1) {
    double total = 0;
    for (const Candidate& candidate : list) total += mass_of(candidate.z, search);
    list.resize(std::min(list.size(), nucleus_length(list, spec.top_p * total, search)));
  }
  return draw_among(list, search);
}

int32_t draw_from_row(const float* z, size_t vocab, const SampleSpec& spec, NoiseSearch& search) {
  const RowKernels& kernels = best_kernels();
  if (spec.top_p < 1) {
    const double target =
        spec.top_p * kernels.exp_sum(z, vocab, search.z_max, search.temperature, search.z_cut);
    std::vector<Candidate> head = largest(kernels, z, vocab, kNucleusProbe, search.z_cut);
    const size_t length = nucleus_length(head, target, search);
    if (length <= head.size()) {
      head.resize(length);
      return draw_among(head, search);
    }
    const Candidate last = nucleus_end(z, vocab, target, search);
    search.z_cut = last.z;
    search.id_cut = last.token;
  }
  // A good first candidate lets the bound rule out nearly all others.
  consider(search, search.z_max, static_cast<uint32_t>(kernels.next_at_least(z, 0, vocab, search.z_max)));
  kernels.noise_argmax(z, vocab, search);
  return search.best_token;
}

int32_t draw(const float* z, size_t vocab, float z_max, const SampleSpec& spec, std::vector<float>& scratch) {
  NoiseSearch search{spec.seed, spec.stream, spec.position, z_max, spec.temperature,
                     min_p_cut(z_max, spec), kNoIdCut, -1, 0.0};
  const bool has_top_k = spec.top_k > 0 && static_cast<size_t>(spec.top_k) < vocab;
  if (has_top_k && spec.top_k <= kHeapLimit) return draw_from_list(z, vocab, spec, search);
  if (has_top_k) z = mask_all_but_largest(z, vocab, static_cast<size_t>(spec.top_k), scratch);
  return draw_from_row(z, vocab, spec, search);
}

void report_logprobs(const float* logits, size_t vocab, float z_max, int32_t top, SampleOutput& out) {
  const RowKernels& kernels = best_kernels();
  const double log_sum = std::log(kernels.exp_sum(logits, vocab, z_max, 1.0, -kInfinity));
  const auto logprob = [&](float z) {
    return saturated(static_cast<double>(z) - static_cast<double>(z_max) - log_sum);
  };
  out.logprob = logprob(logits[out.token]);
  if (top <= 0) return;
  for (const Candidate& candidate : largest(kernels, logits, vocab, top, -kInfinity)) {
    out.top_tokens.push_back(candidate.token);
    out.top_logprobs.push_back(logprob(candidate.z));
  }
}

// What a model must give: no NaN, no +infinity, and one token at least that is not masked.
bool usable(const RowScan& raw) { return !raw.has_nan && std::isfinite(raw.max); }

SampleOutput failed(SampleStatus status) {
  SampleOutput out;
  out.status = status;
  out.logprob = std::numeric_limits<float>::quiet_NaN();
  return out;
}

}  // namespace

SampleOutput sample(const float* logits, size_t vocab, const SampleSpec& spec) {
  if (!valid(spec, vocab)) return failed(SampleStatus::kInvalidInput);
  thread_local std::vector<float> processed_row;
  thread_local std::vector<float> masked_row;
  const RowKernels& kernels = best_kernels();
  const RowScan raw = kernels.scan(logits, vocab);
  if (!usable(raw)) return failed(SampleStatus::kNotFinite);

  const float* z = processed(logits, vocab, spec, processed_row);
  const RowScan row = z == logits ? raw : kernels.scan(z, vocab);
  if (row.max == -kInfinity) return failed(SampleStatus::kNoCandidate);

  SampleOutput out;
  out.token = spec.temperature == 0 ? static_cast<int32_t>(kernels.next_at_least(z, 0, vocab, row.max))
                                    : draw(z, vocab, row.max, spec, masked_row);
  out.logprob = std::numeric_limits<float>::quiet_NaN();
  if (spec.logprobs >= 0) report_logprobs(logits, vocab, raw.max, spec.logprobs, out);
  return out;
}

SampleOutput score(const float* logits, size_t vocab, int32_t token, int top) {
  if (token < 0 || static_cast<size_t>(token) >= vocab || top < 0) return failed(SampleStatus::kInvalidInput);
  const RowScan row = best_kernels().scan(logits, vocab);
  if (!usable(row)) return failed(SampleStatus::kNotFinite);
  SampleOutput out;
  out.token = token;
  report_logprobs(logits, vocab, row.max, top, out);
  return out;
}

}  // namespace longhaul::sampling
