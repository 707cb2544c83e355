#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace longhaul::sampling {

// One sample to draw; mirrors SampleSpec of addon-types.ts without the row. All spans are borrowed for the call.
struct SampleSpec {
  double temperature = 0.0;  // [0, 2], 0 is greedy
  double top_p = 1.0;        // (0, 1], 1 is off
  int32_t top_k = 0;         // 0 is off
  double min_p = 0.0;        // [0, 1], 0 is off
  double repetition_penalty = 1.0;  // [0.01, 100]
  double presence_penalty = 0.0;    // [-2, 2]
  double frequency_penalty = 0.0;   // [-2, 2]
  std::span<const int32_t> seen_tokens;  // tokens of prompt or output, each once
  std::span<const int32_t> seen_counts;  // occurrences in the output; as long as seen_tokens
  std::span<const int32_t> bias_tokens;
  std::span<const float> bias_values;  // as long as bias_tokens; [-100, 100]
  std::span<const int32_t> banned_tokens;
  uint64_t seed = 0;
  uint32_t stream = 0;
  uint32_t position = 0;
  int32_t logprobs = -1;  // -1: none; otherwise how many alternatives
};

// A token whose log-probability is wanted; mirrors ScoreSpec of addon-types.ts without the row.
struct ScoreSpec {
  int32_t token = 0;
  int32_t logprobs = 0;  // how many alternatives
};

enum class SampleStatus {
  kOk,
  kNotFinite,     // a raw logit is NaN or +infinity, or all are -infinity: the model's output cannot be used
  kNoCandidate,   // every token that the model allows is banned
  kInvalidInput,  // a token id outside the vocabulary, lists of unequal length, or a parameter outside its range
};

struct SampleOutput {
  SampleStatus status = SampleStatus::kOk;
  int32_t token = -1;  // -1 unless status is kOk
  float logprob = 0.0f;  // from the raw logits; NaN when not asked for
  std::vector<int32_t> top_tokens;  // falling log-probability, ties by lower id
  std::vector<float> top_logprobs;
};

// Draws one token from `vocab` raw logits. Order: bias, banned, repetition, frequency and presence penalties (each
// step rounded to f32 and kept finite, so that no value in its range can overflow), temperature, min-p, top-k, top-p over what is left, then argmax(z / T + Gumbel noise). The
// noise is a pure function of (seed, stream, position, token). Temperature 0 is the argmax of the processed logits;
// every tie goes to the lower id. Safe to call from several threads; keeps a scratch row per thread.
SampleOutput sample(const float* logits, size_t vocab, const SampleSpec& spec);

// Log-probability of `token` and of the `top` likeliest tokens, from the raw logits.
SampleOutput score(const float* logits, size_t vocab, int32_t token, int top);

// The four 32-bit words of Philox4x32-10 for one counter and key.
struct PhiloxBlock {
  uint32_t word[4];
};
PhiloxBlock philox4x32(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint64_t key);

// Standard Gumbel noise of one token at one position.
double gumbel_noise(uint64_t seed, uint32_t stream, uint32_t position, uint32_t token);

}  // namespace longhaul::sampling
