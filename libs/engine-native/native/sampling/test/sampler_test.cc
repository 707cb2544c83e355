#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../row_kernels.h"
#include "../sampler.h"
#include "sampler_reference.h"

namespace ls = longhaul::sampling;

namespace {

int failures = 0;
int checks = 0;

void check(bool ok, const std::string& what) {
  ++checks;
  if (ok) return;
  ++failures;
  std::printf("FAILED %s\n", what.c_str());
}

using Random = std::mt19937_64;

double uniform(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

// Rows of several shapes: peaked, flat, with ties, with masked tokens.
std::vector<float> random_row(Random& random, size_t vocab) {
  std::vector<float> row(vocab);
  const int shape = static_cast<int>(random() % 5);
  std::normal_distribution<float> normal(0.0f, shape == 0 ? 0.01f : shape == 1 ? 8.0f : 2.5f);
  for (float& z : row) {
    z = normal(random);
    if (shape == 2) z = std::round(z);
    if (shape == 3 && random() % 3 == 0) z = -std::numeric_limits<float>::infinity();
  }
  row[random() % vocab] = 6.0f;
  return row;
}

struct Lists {
  std::vector<int32_t> seen, counts, bias, banned;
  std::vector<float> bias_values;
};

std::vector<int32_t> distinct_tokens(Random& random, size_t vocab, size_t most) {
  std::vector<int32_t> ids;
  for (size_t i = 0, n = random() % (most + 1); i < n; ++i) {
    const int32_t id = static_cast<int32_t>(random() % vocab);
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

ls::SampleSpec random_spec(Random& random, size_t vocab, Lists& lists) {
  ls::SampleSpec spec;
  const double temperatures[] = {0.0, 0.2, 0.7, 1.0, 1.7, 1e-9};
  spec.temperature = temperatures[random() % 6];
  if (random() % 2) spec.top_p = uniform(random, 0.05, 1.0);
  if (random() % 2) spec.top_k = static_cast<int32_t>(random() % 3 ? 1 + random() % 60 : 1 + random() % (vocab + 10));
  if (random() % 3 == 0) spec.min_p = uniform(random, 0.0, 0.3);
  if (random() % 2) {
    spec.repetition_penalty = uniform(random, 0.5, 1.8);
    spec.presence_penalty = uniform(random, -2, 2);
    spec.frequency_penalty = uniform(random, -2, 2);
    lists.seen = distinct_tokens(random, vocab, 40);
    for (size_t i = 0; i < lists.seen.size(); ++i) lists.counts.push_back(static_cast<int32_t>(random() % 4));
  }
  if (random() % 3 == 0) {
    lists.bias = distinct_tokens(random, vocab, 20);
    for (size_t i = 0; i < lists.bias.size(); ++i) lists.bias_values.push_back(static_cast<float>(uniform(random, -10, 10)));
  }
  if (random() % 3 == 0) lists.banned = distinct_tokens(random, vocab, 4);
  if (lists.banned.size() >= vocab) lists.banned.clear();
  spec.seen_tokens = lists.seen;
  spec.seen_counts = lists.counts;
  spec.bias_tokens = lists.bias;
  spec.bias_values = lists.bias_values;
  spec.banned_tokens = lists.banned;
  spec.seed = random();
  spec.stream = static_cast<uint32_t>(random() % 16);
  spec.position = static_cast<uint32_t>(random() % 200000);
  return spec;
}

void test_philox_known_answers() {
  // Known-answer vectors published with Random123 (philox4x32-10).
  const ls::PhiloxBlock zero = ls::philox4x32(0, 0, 0, 0, 0);
  const uint32_t zero_expected[4] = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
  check(std::memcmp(zero.word, zero_expected, sizeof zero_expected) == 0, "philox of zeros");
  const ls::PhiloxBlock pi =
      ls::philox4x32(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0x299f31d0a4093822ull);
  const uint32_t pi_expected[4] = {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u};
  check(std::memcmp(pi.word, pi_expected, sizeof pi_expected) == 0, "philox of the digits of pi");
}

void test_against_reference() {
  Random random(1);
  for (int round = 0; round < 4000; ++round) {
    const size_t vocab = round % 50 == 0 ? 9000 + random() % 2000 : 1 + random() % 700;
    std::vector<float> row = random_row(random, vocab);
    Lists lists;
    ls::SampleSpec spec = random_spec(random, vocab, lists);
    const std::vector<float> z = ls::reference::process(row, spec);
    if (*std::max_element(z.begin(), z.end()) == -std::numeric_limits<float>::infinity()) continue;
    const ls::SampleOutput out = ls::sample(row.data(), vocab, spec);
    check(out.status == ls::SampleStatus::kOk && out.token == ls::reference::sample(row, spec),
          "same token as the reference, round " + std::to_string(round));
  }
}

uint32_t mix(uint32_t a, uint32_t b) {
  uint32_t h = a ^ ((b + 0x9e3779b9u) * 0x85ebca6bu);
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return h ^ (h >> 16);
}

// The same table is in sampler.spec.ts of the engine: both definitions must give it.
void test_shared_vectors() {
  const int32_t expected[] = {70, 7, 46, 87, 57, 7, 331, 132, 283, 257, 563, 637, 200, 7, 704, 113,
                              7, 884, 352, 762, 1158, 220, 801, 1124, 82, 755, 369, 628, 1002, 560, 7, 1008};
  std::vector<int32_t> seen(20), counts(20);
  for (int32_t i = 0; i < 20; ++i) {
    seen[static_cast<size_t>(i)] = 4 * i;
    counts[static_cast<size_t>(i)] = i % 4;
  }
  const std::vector<int32_t> bias = {7, 9}, banned = {11};
  const std::vector<float> bias_values = {3.5f, -2.0f};
  for (uint32_t c = 0; c < 32; ++c) {
    std::vector<float> row(100 + 53 * c);
    for (uint32_t i = 0; i < row.size(); ++i) {
      row[i] = static_cast<float>((static_cast<double>(mix(c, i) >> 8) * 0x1p-24 - 0.5) * 12);
    }
    ls::SampleSpec spec;
    spec.temperature = 0.5 * (c & 3);
    spec.top_p = c & 4 ? 0.8 : 1;
    spec.top_k = c & 8 ? 12 : 0;
    spec.min_p = c & 16 ? 0.1 : 0;
    spec.repetition_penalty = 1.25;
    spec.presence_penalty = 0.5;
    spec.frequency_penalty = -0.25;
    spec.seen_tokens = seen;
    spec.seen_counts = counts;
    spec.bias_tokens = bias;
    spec.bias_values = bias_values;
    spec.banned_tokens = banned;
    spec.seed = 0x123456789abcdef0ull + c;
    spec.stream = c % 5;
    spec.position = 1000 * c;
    check(ls::sample(row.data(), row.size(), spec).token == expected[c], "shared vector " + std::to_string(c));
  }
}

void test_kernel_levels_agree() {
  Random random(2);
  const ls::RowKernels& plain = ls::scalar_kernels();
  const ls::RowKernels& best = ls::best_kernels();
  for (int round = 0; round < 2000; ++round) {
    const size_t vocab = 1 + random() % 3000;
    std::vector<float> row = random_row(random, vocab);
    const ls::RowScan scan = plain.scan(row.data(), vocab);
    check(best.scan(row.data(), vocab).max == scan.max, "scan finds the same maximum");
    const float threshold = row[random() % vocab];
    const size_t begin = random() % vocab;
    check(best.next_at_least(row.data(), begin, vocab, threshold) ==
              plain.next_at_least(row.data(), begin, vocab, threshold),
          "next_at_least finds the same token");
    const double temperature = uniform(random, 0.05, 2.0);
    const double expected = plain.exp_sum(row.data(), vocab, scan.max, temperature, threshold);
    const double sum = best.exp_sum(row.data(), vocab, scan.max, temperature, threshold);
    check(std::abs(sum - expected) <= 1e-13 * expected, "exp_sum within 1e-13");
    ls::NoiseSearch search{random(), 3, static_cast<uint32_t>(round), scan.max, temperature, threshold,
                           static_cast<int32_t>(random() % vocab), -1, 0.0};
    ls::NoiseSearch other = search;
    plain.noise_argmax(row.data(), vocab, search);
    best.noise_argmax(row.data(), vocab, other);
    check(search.best_token == other.best_token, "noise_argmax finds the same token");
    row[random() % vocab] = std::numeric_limits<float>::quiet_NaN();
    check(best.scan(row.data(), vocab).has_nan, "scan sees a NaN");
  }
}

void test_logprobs() {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    const size_t vocab = 2 + random() % 2000;
    std::vector<float> row = random_row(random, vocab);
    ls::SampleSpec spec;
    spec.logprobs = 5;
    const ls::SampleOutput out = ls::sample(row.data(), vocab, spec);
    check(std::abs(out.logprob - ls::reference::logprob(row, out.token)) < 1e-5, "logprob of the token");
    check(out.top_tokens.front() == out.token, "a greedy token heads its alternatives");
    for (size_t i = 0; i < out.top_tokens.size(); ++i) {
      check(std::abs(out.top_logprobs[i] - ls::reference::logprob(row, out.top_tokens[i])) < 1e-5, "top logprob");
      check(i == 0 || out.top_logprobs[i] <= out.top_logprobs[i - 1], "alternatives fall");
    }
    const int32_t token = static_cast<int32_t>(random() % vocab);
    const ls::SampleOutput scored = ls::score(row.data(), vocab, token, 2);
    const double expected = ls::reference::logprob(row, token);
    check(std::isinf(expected) ? std::isinf(scored.logprob) : std::abs(scored.logprob - expected) < 1e-5, "score");
  }
}

// Frequencies of 200,000 draws against the softmax: chi-square with 7 degrees of freedom stays under its 1e-5 quantile.
void test_distribution() {
  const std::vector<float> row = {1.0f, 0.5f, 0.0f, -0.5f, 2.0f, -1.0f, 0.25f, 1.5f};
  ls::SampleSpec spec;
  spec.temperature = 1.0;
  spec.seed = 77;
  std::vector<double> counts(row.size());
  const int draws = 200000;
  for (int i = 0; i < draws; ++i) {
    spec.position = static_cast<uint32_t>(i);
    counts[static_cast<size_t>(ls::sample(row.data(), row.size(), spec).token)] += 1;
  }
  double chi = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    const double expected = draws * std::exp(ls::reference::logprob(row, static_cast<int32_t>(i)));
    chi += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  check(chi < 34.7, "draws follow the softmax, chi-square " + std::to_string(chi));
}

constexpr float kMost = std::numeric_limits<float>::max();
constexpr double kLeastDouble = std::numeric_limits<double>::denorm_min();

template <class T, size_t N>
T one_of(Random& random, const T (&values)[N]) {
  return values[random() % N];
}

// Logits at the ends of f32, with masked ones; one at least is finite.
std::vector<float> extreme_row(Random& random, size_t vocab) {
  const float values[] = {kMost, -kMost, std::numeric_limits<float>::denorm_min(), -0.0f, 0.0f, 1e30f, -1e30f,
                          5.0f,  -3.0f,  -std::numeric_limits<float>::infinity()};
  std::vector<float> row(vocab);
  for (float& z : row) z = one_of(random, values);
  row[random() % vocab] = values[random() % 9];
  return row;
}

ls::SampleSpec extreme_spec(Random& random, size_t vocab, Lists& lists) {
  const double temperatures[] = {0.0, kLeastDouble, 1e-310, 1e-45, 1e-9, 0.7, 2.0};
  const double repetitions[] = {0.01, 0.5, 1.0, 1.7, 100.0};
  const double penalties[] = {-2.0, 0.0, 2.0, kLeastDouble};
  const double top_ps[] = {kLeastDouble, 1e-300, 0.5, 1 - 0x1p-53, 1.0};
  const double min_ps[] = {0.0, kLeastDouble, 1e-300, 0.1, 1.0};
  const int32_t top_ks[] = {0, 1, static_cast<int32_t>(vocab), static_cast<int32_t>(vocab) + 1, INT32_MAX};
  const int32_t counts[] = {0, 1, 1 << 20, INT32_MAX};
  const float biases[] = {-100.0f, 100.0f, 0.0f};
  ls::SampleSpec spec;
  spec.temperature = one_of(random, temperatures);
  spec.repetition_penalty = one_of(random, repetitions);
  spec.presence_penalty = one_of(random, penalties);
  spec.frequency_penalty = one_of(random, penalties);
  spec.top_p = one_of(random, top_ps);
  spec.min_p = one_of(random, min_ps);
  spec.top_k = one_of(random, top_ks);
  lists.seen = distinct_tokens(random, vocab, vocab);
  for (size_t i = 0; i < lists.seen.size(); ++i) lists.counts.push_back(one_of(random, counts));
  lists.bias = distinct_tokens(random, vocab, vocab);
  for (size_t i = 0; i < lists.bias.size(); ++i) lists.bias_values.push_back(one_of(random, biases));
  spec.seen_tokens = lists.seen;
  spec.seen_counts = lists.counts;
  spec.bias_tokens = lists.bias;
  spec.bias_values = lists.bias_values;
  spec.seed = random() % 2 ? random() : UINT64_MAX;
  spec.stream = UINT32_MAX;
  spec.position = static_cast<uint32_t>(random());
  spec.logprobs = 20;
  return spec;
}

// No value in its range makes a draw fail, whatever finite logits the model gives.
void test_legal_values_never_fail() {
  Random random(4);
  for (int round = 0; round < 20000; ++round) {
    const size_t vocab = 1 + random() % 90;
    const std::vector<float> row = extreme_row(random, vocab);
    Lists lists;
    const ls::SampleSpec spec = extreme_spec(random, vocab, lists);
    const ls::SampleOutput out = ls::sample(row.data(), vocab, spec);
    const std::string name = ", extreme round " + std::to_string(round);
    check(out.status == ls::SampleStatus::kOk, "a draw succeeds" + name);
    if (out.status != ls::SampleStatus::kOk) continue;
    check(std::isfinite(row[static_cast<size_t>(out.token)]), "a token that the model allows" + name);
    check(std::isfinite(out.logprob) && !std::isnan(out.top_logprobs.back()), "finite log-probabilities" + name);
    // In between, the last bits of a sum over the row decide whether the token at the edge is in.
    const bool exact = spec.top_p == 1.0 || spec.top_p < 0.5;
    check(!exact || out.token == ls::reference::sample(row, spec), "same token as the reference" + name);
  }
}

void test_illegal_values_are_refused() {
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<float> row(50, 1.0f);
  const auto refused = [&](const std::string& what, auto set) {
    ls::SampleSpec spec;
    set(spec);
    check(ls::sample(row.data(), row.size(), spec).status == ls::SampleStatus::kInvalidInput, "refuses " + what);
  };
  for (const double value : {-1.0, 2.1, infinity, nan}) {
    refused("temperature", [&](ls::SampleSpec& spec) { spec.temperature = value; });
    refused("min_p", [&](ls::SampleSpec& spec) { spec.min_p = value; });
    refused("top_p", [&](ls::SampleSpec& spec) { spec.top_p = value; });
  }
  for (const double value : {0.0, 1e-39, 0.0099, 100.1, -1.0, infinity, nan})
    refused("repetition_penalty", [&](ls::SampleSpec& spec) { spec.repetition_penalty = value; });
  for (const double value : {-2.1, 2.1, infinity, nan}) {
    refused("presence_penalty", [&](ls::SampleSpec& spec) { spec.presence_penalty = value; });
    refused("frequency_penalty", [&](ls::SampleSpec& spec) { spec.frequency_penalty = value; });
  }
  const std::vector<int32_t> bias = {3};
  for (const double value : {-100.1, 100.1, infinity, nan}) {
    const std::vector<float> values = {static_cast<float>(value)};
    refused("a bias", [&](ls::SampleSpec& spec) { spec.bias_tokens = bias, spec.bias_values = values; });
  }
  refused("top_k", [](ls::SampleSpec& spec) { spec.top_k = -1; });
}

// Distances from the maximum round to the same for all floats near zero: the cut must be found all the same.
void test_min_p_at_a_plateau() {
  const float z_max = 2.3025851f;
  ls::SampleSpec spec;
  spec.temperature = 1.0;
  spec.min_p = std::exp(-static_cast<double>(z_max));
  for (int i = 0; i < 8 && std::log(spec.min_p) > -static_cast<double>(z_max); ++i) spec.min_p = std::nextafter(spec.min_p, 0);
  const std::vector<float> row = {z_max, 0.0f, -1e-20f, 1e-20f, -1e-7f, 1e-7f};
  for (uint32_t position = 0; position < 200; ++position) {
    spec.position = position;
    check(ls::sample(row.data(), row.size(), spec).token == ls::reference::sample(row, spec), "min-p at a plateau");
  }
}

void test_bad_rows() {
  ls::SampleSpec spec;
  std::vector<float> row(100, 0.5f);
  row[40] = std::numeric_limits<float>::quiet_NaN();
  check(ls::sample(row.data(), row.size(), spec).status == ls::SampleStatus::kNotFinite, "NaN is an error");
  check(ls::sample(row.data(), row.size(), spec).token == -1, "NaN gives token -1");
  check(ls::score(row.data(), row.size(), 3, 0).status == ls::SampleStatus::kNotFinite, "NaN is an error in a score");
  row[40] = std::numeric_limits<float>::infinity();
  check(ls::sample(row.data(), row.size(), spec).status == ls::SampleStatus::kNotFinite, "infinity is an error");
  const std::vector<float> none(100, -std::numeric_limits<float>::infinity());
  check(ls::sample(none.data(), none.size(), spec).status == ls::SampleStatus::kNotFinite, "no token is allowed");
  check(ls::score(none.data(), none.size(), 3, 0).status == ls::SampleStatus::kNotFinite, "no token to score");
  std::vector<int32_t> all(100);
  for (int32_t i = 0; i < 100; ++i) all[static_cast<size_t>(i)] = i;
  row[40] = 0;
  spec.banned_tokens = all;
  check(ls::sample(row.data(), row.size(), spec).status == ls::SampleStatus::kNoCandidate, "every token is banned");
  const std::vector<int32_t> outside = {100};
  spec.banned_tokens = outside;
  row[40] = 0;
  check(ls::sample(row.data(), row.size(), spec).status == ls::SampleStatus::kInvalidInput, "a token outside the row");
  check(ls::score(row.data(), row.size(), 100, 0).status == ls::SampleStatus::kInvalidInput, "a score outside the row");
}

}  // namespace

int main() {
  test_philox_known_answers();
  test_against_reference();
  test_shared_vectors();
  test_kernel_levels_agree();
  test_logprobs();
  test_distribution();
  test_legal_values_never_fail();
  test_illegal_values_are_refused();
  test_min_p_at_a_plateau();
  test_bad_rows();
  std::printf("sampler: %d checks, %d failed (kernels: %s)\n", checks, failures, ls::best_kernels().name);
  return failures == 0 ? 0 : 1;
}
