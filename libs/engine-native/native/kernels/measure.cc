#include "measure.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

#include "choice.h"

namespace longhaul::kernels {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMemoryBytes = size_t{8} << 20;
constexpr int kMaxThreads = 1024, kMaxHeads = 4096, kMaxRows = 1 << 24, kMaxCols = 1 << 20, kMaxCount = 1 << 16;
constexpr double kMaxBudgetMs = 60'000;
/** How much slower than the best so far is hopeless. */
constexpr double kHopeless = 1.5;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void require_range(const char* field, double value, double low, double high) {
  if (value >= low && value <= high) return;
  const auto text = [](double number) { return std::to_string(static_cast<long long>(number)); };
  throw invalid(field, "must be in [" + text(low) + ", " + text(high) + "], got " + text(value));
}

void validate_attention(const AttentionShape& shape) {
  require_range("headDim", shape.head_dim, kMinHeadDim, kMaxHeadDim);
  if (shape.head_dim % kHeadDimStep) throw invalid("headDim", "must be a multiple of " + std::to_string(kHeadDimStep));
  require_range("heads", shape.heads, 1, kMaxHeads);
  require_range("kvHeads", shape.kv_heads, 1, shape.heads);
  if (shape.heads % shape.kv_heads) throw invalid("kvHeads", "must divide heads");
}

void validate_matrices(const std::vector<Matrix>& matrices) {
  if (matrices.empty()) throw invalid("matrices", "must not be empty");
  for (const Matrix& m : matrices) {
    require_range("rows", m.rows, 1, kMaxRows);
    require_range("cols", m.cols, linear::kBlockCols, kMaxCols);
    if (m.cols % linear::kBlockCols) throw invalid("cols", "must be a multiple of " + std::to_string(linear::kBlockCols));
    require_range("count", m.count, 1, kMaxCount);
  }
}

/** The two ways in which a level of an operator is timed. */
struct Contender {
  Rate rate;
  std::function<void()> prefill, decode;
  double operations, bytes;
  double best_prefill = std::numeric_limits<double>::infinity();
  double best_decode = std::numeric_limits<double>::infinity();
};

double processor_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double time(const std::function<void()>& call) {
  const double start = processor_seconds();
  call();
  return processor_seconds() - start;
}

void run_once(Contender& contender) {
  if (contender.prefill) contender.best_prefill = std::min(contender.best_prefill, time(contender.prefill));
  contender.best_decode = std::min(contender.best_decode, time(contender.decode));
  ++contender.rate.runs;
}

/** One operator with all that its contenders run on. */
struct Contest {
  std::unique_ptr<AttentionBench> attention;
  std::unique_ptr<LinearBench> linear;
  std::vector<Contender> contenders;

  bool hopeless(const Contender& one) const {
    double best_prefill = one.best_prefill, best_decode = one.best_decode;
    for (const Contender& other : contenders) {
      best_prefill = std::min(best_prefill, other.best_prefill);
      best_decode = std::min(best_decode, other.best_decode);
    }
    const bool slow_prefill = !one.prefill || one.best_prefill > kHopeless * best_prefill;
    return one.rate.runs > 1 && slow_prefill && one.best_decode > kHopeless * best_decode;
  }
};

Contest open_contest(const MeasuredOperator& asked, const BenchMemory& memory) {
  Contest contest;
  const OperatorType type = operator_type(asked.name);
  if (type.is_attention) {
    AttentionShape shape = asked.attention;
    shape.dtype = type.kv_dtype;
    contest.attention = std::make_unique<AttentionBench>(shape, memory);
  } else {
    contest.linear = std::make_unique<LinearBench>(asked.matrices, type.bits, memory);
  }
  for (const std::string& level : asked.levels) {
    Choice choice;
    choice.set(asked.name, level);
    Contender one{};
    one.rate = {asked.name, level, 0, 0, 0};
    if (type.is_attention) {
      AttentionBench* bench = contest.attention.get();
      const auto* kernels = choice.attention(type.kv_dtype);
      one.prefill = [=] { bench->prefill(kernels); };
      one.decode = [=] { bench->decode(kernels); };
      one.operations = bench->prefill_operations(), one.bytes = bench->decode_bytes();
    } else {
      LinearBench* bench = contest.linear.get();
      const auto* kernels = choice.linear(type.bits);
      one.operations = bench->prefill_operations(), one.bytes = bench->decode_bytes();
      if (one.operations > 0) one.prefill = [=] { bench->prefill(kernels); };
      one.decode = [=] { bench->decode(kernels); };
    }
    contest.contenders.push_back(std::move(one));
  }
  return contest;
}

size_t memory_for(const MeasureRequest& request) {
  size_t bytes = kMemoryBytes;
  for (const MeasuredOperator& asked : request.operators) {
    const OperatorType type = operator_type(asked.name);
    if (!type.is_attention) continue;
    AttentionShape shape = asked.attention;
    shape.dtype = type.kv_dtype;
    bytes = std::max(bytes, AttentionBench::least_bytes(shape));
  }
  return bytes;
}

/** One round over all levels, forwards or backwards, so that none always follows the same one. */
void run_round(std::vector<Contest>& contests, bool backwards, const std::function<bool()>& done) {
  for (Contest& contest : contests) {
    const size_t count = contest.contenders.size();
    for (size_t i = 0; i < count; ++i) {
      Contender& one = contest.contenders[backwards ? count - 1 - i : i];
      if (one.rate.runs > 0 && done()) return;
      if (!contest.hopeless(one)) run_once(one);
    }
  }
}

std::vector<Rate> measure_alone(const MeasureRequest& request, const std::function<bool()>& done) {
  const BenchMemory memory(memory_for(request));
  std::vector<Contest> contests;
  for (const MeasuredOperator& asked : request.operators) contests.push_back(open_contest(asked, memory));
  for (int round = 0; round == 0 || !done(); ++round) run_round(contests, round % 2 == 1, done);

  std::vector<Rate> rates;
  for (const Contest& contest : contests) {
    for (const Contender& one : contest.contenders) {
      rates.push_back(one.rate);
      if (one.prefill) rates.back().prefill_gops = one.operations / one.best_prefill * 1e-9;
      rates.back().decode_gbps = one.bytes / one.best_decode * 1e-9;
    }
  }
  return rates;
}

/** Rates of several threads, which are in the same order. */
std::vector<Rate> average(const std::vector<std::vector<Rate>>& results) {
  std::vector<Rate> mean = results.front();
  const double threads = static_cast<double>(results.size());
  for (size_t i = 0; i < mean.size(); ++i) {
    mean[i].prefill_gops = mean[i].decode_gbps = 0;
    for (const std::vector<Rate>& rates : results) {
      mean[i].prefill_gops += rates[i].prefill_gops / threads;
      mean[i].decode_gbps += rates[i].decode_gbps / threads;
      mean[i].runs = std::min(mean[i].runs, rates[i].runs);
    }
  }
  return mean;
}

}  // namespace

void validate(const MeasureRequest& request) {
  require_range("threads", request.threads, 1, kMaxThreads);
  require_range("budgetMs", request.budget_ms, 1, kMaxBudgetMs);
  for (const MeasuredOperator& asked : request.operators) {
    if (operator_type(asked.name).is_attention) validate_attention(asked.attention);
    else validate_matrices(asked.matrices);
    Choice choice;
    for (const std::string& level : asked.levels) choice.set(asked.name, level);
  }
}

std::vector<Rate> measure(const MeasureRequest& request) {
  const auto start = Clock::now();
  const auto done = [&] { return seconds_since(start) * 1e3 >= request.budget_ms; };
  const size_t threads = static_cast<size_t>(std::min(request.threads, kMeasuredThreads));
  std::vector<std::vector<Rate>> results(threads);
  std::vector<std::exception_ptr> errors(threads);
  const auto body = [&](size_t thread) {
    try {
      results[thread] = measure_alone(request, done);
    } catch (...) {
      errors[thread] = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  for (size_t thread = 1; thread < threads; ++thread) others.emplace_back(body, thread);
  body(0);
  for (std::thread& other : others) other.join();
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  return average(results);
}

}  // namespace longhaul::kernels
