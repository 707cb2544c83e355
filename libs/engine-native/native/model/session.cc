#include "session.h"

#include <atomic>
#include <chrono>
#include <mutex>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "../fault.h"
#include "../ops/domain.h"
#include "../ops/kernel_context.h"
#include "feed.h"
#include "parallel_draw.h"

namespace longhaul::model {
namespace {

constexpr int kMaxThreads = 1024;
constexpr const char* kOutput = "logits";

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void configure(ort::SessionOptions* target, const ModelOptions& options) {
  const auto& api = ort::api();
  ort::check(api.SetIntraOpNumThreads(target, options.threads));
  ort::check(api.SetSessionGraphOptimizationLevel(target, ort::kAll));
  ort::check(api.AddSessionConfigEntry(target, "session.intra_op.allow_spinning", options.spin ? "1" : "0"));
  // Workers may spin between the nodes of a run, never between runs: an idle server must leave the cores alone.
  ort::check(api.AddSessionConfigEntry(target, "session.force_spinning_stop", "1"));
  ort::check(api.AddSessionConfigEntry(target, "session.inter_op.allow_spinning", "0"));
  // A pattern is one block for all buffers of a step of that shape, beside those of the step that it was learnt from: up
  // to 40 MiB for large steps, and no faster.
  ort::check(api.DisableMemPattern(target));
  if (!options.weights_dir.empty())
    ort::check(api.AddSessionConfigEntry(target, "session.model_external_initializers_file_folder_path",
                                         options.weights_dir.c_str()));
  ort::check(api.AddCustomOpDomain(target, ops::domain()));
}

/**
 * Creates a session; until one of this process is there, only one at a time. ONNX Runtime notes the domain of our operators
 * in a table of the process: it looks, then adds, and two first sessions at once would both add, which fails one of them.
 */
ort::Owned<ort::Session> create_session(const ort::SessionOptions* options, const std::vector<uint8_t>& graph) {
  static std::mutex alone;
  static std::atomic<bool> noted{false};
  std::unique_lock<std::mutex> lock(alone, std::defer_lock);
  if (!noted.load()) lock.lock();
  auto session = ort::make<ort::Session>(ort::api().CreateSessionFromArray, ort::env(),
                                         static_cast<const void*>(graph.data()), graph.size(), options);
  noted.store(true);
  return session;
}

std::string take_name(char* name, ort::Allocator* allocator) {
  std::string result(name);
  ort::check(ort::api().AllocatorFree(allocator, name));
  return result;
}

// The last dimension of the one output, which the graph must state.
int vocab_of(const ort::Session* session) {
  const auto& api = ort::api();
  const auto info = ort::make<ort::TypeInfo>(api.SessionGetOutputTypeInfo, session, size_t{0});
  const ort::TensorInfo* tensor = nullptr;
  ort::check(api.CastTypeInfoToTensorInfo(info.get(), &tensor));
  size_t rank = 0;
  if (tensor) ort::check(api.GetDimensionsCount(tensor, &rank));
  int64_t dims[2] = {0, 0};
  if (rank == 2) ort::check(api.GetDimensions(tensor, dims, rank));
  if (dims[1] < 1 || dims[1] > INT32_MAX) throw invalid("graph", "output logits must be [rows, vocabulary]");
  return static_cast<int>(dims[1]);
}

}  // namespace

Session::Session(ModelOptions options) : options_(std::move(options)) {
  if (options_.threads < 1 || options_.threads > kMaxThreads)
    throw invalid("threads", "must be in [1, " + std::to_string(kMaxThreads) + "], got " +
                                 std::to_string(options_.threads));
  if (options_.graph.empty()) throw invalid("graph", "must not be empty");
  session_options_ = ort::make<ort::SessionOptions>(ort::api().CreateSessionOptions);
  configure(session_options_.get(), options_);
  run_options_ = ort::make<ort::RunOptions>(ort::api().CreateRunOptions);
}

void Session::load() {
  throw_if_interrupted();
  try {
    session_ = create_session(session_options_.get(), options_.graph);
    options_.graph = {};
    read_signature();
  } catch (const Fault&) {
    unload();
    throw_if_interrupted();
    throw;
  }
}

void Session::unload() {
  session_.reset();
#if defined(__GLIBC__)
  malloc_trim(0);  // packed weights go back to the system now, not when the heap is next used
#endif
}

void Session::read_signature() {
  const auto& api = ort::api();
  const ort::Session* session = session_.get();
  ort::Allocator* allocator;
  ort::check(api.GetAllocatorWithDefaultOptions(&allocator));
  size_t inputs, outputs;
  ort::check(api.SessionGetInputCount(session, &inputs));
  ort::check(api.SessionGetOutputCount(session, &outputs));
  char* name;
  for (size_t i = 0; i < inputs; i++) {
    ort::check(api.SessionGetInputName(session, i, allocator, &name));
    inputs_.push_back(take_name(name, allocator));
    if (!Feed::knows(inputs_.back())) throw invalid("graph", "graph input " + inputs_.back() + " is unknown");
  }
  if (outputs != 1) throw invalid("graph", "the graph must have one output, has " + std::to_string(outputs));
  ort::check(api.SessionGetOutputName(session, 0, allocator, &name));
  if (const std::string found = take_name(name, allocator); found != kOutput)
    throw invalid("graph", "the graph's output must be logits, is " + found);
  vocab_ = vocab_of(session);
}

void Session::throw_if_interrupted() const {
  if (interrupted_) throw Fault(FaultKind::kCancelled, "cancelled");
}

void Session::interrupt() {
  interrupted_ = true;
  ort::check(ort::api().SessionOptionsSetLoadCancellationFlag(session_options_.get(), true));
  ort::check(ort::api().RunOptionsSetTerminate(run_options_.get()));
  // Last: a run that makes its step current after this sees the flag.
  std::lock_guard lock(current_mutex_);
  if (current_) current_->cancel_gates();
}

int Session::layers_done() const {
  std::lock_guard lock(current_mutex_);
  return current_ ? current_->statistics().layers.load(std::memory_order_relaxed) : -1;
}

void Session::resume() {
  interrupted_ = false;
  ort::check(ort::api().SessionOptionsSetLoadCancellationFlag(session_options_.get(), false));
  ort::check(ort::api().RunOptionsUnsetTerminate(run_options_.get()));
}

ort::Owned<ort::Value> Session::compute(StepInput& step) {
  Feed feed(step, inputs_);
  ops::KernelContext::threads = options_.threads;
  ops::KernelContext::choice = &options_.kernels;
  ort::Value* logits = nullptr;
  ort::Status* status = ort::api().Run(session_.get(), run_options_.get(), feed.names(), feed.values(), feed.size(),
                                       &kOutput, 1, &logits);
  ort::Owned<ort::Value> owned(logits);
  try {
    ort::check(status);
  } catch (const Fault&) {
    throw_if_interrupted();
    throw;
  }
  return owned;
}

void Session::set_current(std::shared_ptr<StepContext> step) {
  std::lock_guard lock(current_mutex_);
  current_ = std::move(step);
}

ort::Owned<ort::Value> Session::compute_visibly(StepInput& step) {
  struct Unset {
    Session* self;
    ~Unset() { self->set_current(nullptr); }
  } unset{this};
  set_current(step.context);
  throw_if_interrupted();
  return compute(step);
}

StepOutput Session::run(StepInput& step) {
  if (!session_) throw Fault(FaultKind::kFailedPrecondition, "the model is not loaded");
  throw_if_interrupted();
  StepOutput output;
  const auto start = Clock::now();
  const auto logits = compute_visibly(step);
  output.run_ms = ms_since(start);
  output.attention_layers = step.context->statistics().layers;
  output.kv_read_bytes = step.context->statistics().kv_read_bytes;
  output.select_ns = step.context->statistics().select_ns;
  output.score_bytes = step.context->statistics().score_bytes;
  output.sequences = step.context->statistics().sequences;

  int type;
  const int64_t* dims;
  size_t rank;
  void* data;
  const auto rows = static_cast<int64_t>(step.logit_rows.size());
  ort::check(ort::api().GetTensorElementTypeAndShapeDataReference(logits.get(), &type, &dims, &rank));
  if (type != ort::kFloat || rank != 2 || dims[0] != rows || dims[1] != vocab_)
    throw Fault(FaultKind::kInternal, "the graph's logits have another shape than [logitRows, vocabulary]");
  ort::check(ort::api().GetTensorMutableData(logits.get(), &data));
  const auto* values = static_cast<const float*>(data);

  const auto sampling_start = Clock::now();
  draw(step, values, output);
  output.sample_ms = ms_since(sampling_start);
  for (const int32_t row : step.wanted_rows)
    output.logits.insert(output.logits.end(), values + int64_t{row} * vocab_, values + (int64_t{row} + 1) * vocab_);
  return output;
}

void Session::draw(const StepInput& step, const float* logits, StepOutput& output) const {
  const size_t vocab = static_cast<size_t>(vocab_), samples = step.samples.size();
  output.samples.resize(samples);
  output.scores.resize(step.scores.size());
  parallel_draw(samples + step.scores.size(), vocab, options_.threads, [&](size_t i) {
    throw_if_interrupted();
    if (i < samples) {
      const auto& task = step.samples[i];
      output.samples[i] = sampling::sample(logits + task.row * vocab, vocab, task.spec);
    } else {
      const auto& task = step.scores[i - samples];
      output.scores[i - samples] = sampling::score(logits + task.row * vocab, vocab, task.spec.token, task.spec.logprobs);
    }
  });
}

}  // namespace longhaul::model
