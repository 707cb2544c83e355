#include "step_codec.h"

#include <algorithm>
#include <numeric>

#include "arguments.h"
#include "attention_objects.h"
#include "attention_probe_object.h"
#include "kv_pool_object.h"
#include "load_gate_object.h"

namespace longhaul::napi {
namespace {

void read_sample(const Napi::Object& from, model::SampleTask& to) {
  to.row = int32_field(from, "row");
  to.spec.temperature = number_field(from, "temperature");
  to.spec.top_p = number_field(from, "topP");
  to.spec.top_k = int32_field(from, "topK");
  to.spec.min_p = number_field(from, "minP");
  to.spec.repetition_penalty = number_field(from, "repetitionPenalty");
  to.spec.presence_penalty = number_field(from, "presencePenalty");
  to.spec.frequency_penalty = number_field(from, "frequencyPenalty");
  to.seen_tokens = copied_field<int32_t>(from, "seenTokens");
  to.seen_counts = copied_field<int32_t>(from, "seenCounts");
  to.bias_tokens = copied_field<int32_t>(from, "biasTokens");
  to.bias_values = copied_field<float>(from, "biasValues");
  to.banned_tokens = copied_field<int32_t>(from, "bannedTokens");
  to.spec.seed = bigint_field(from, "seed");
  to.spec.stream = static_cast<uint32_t>(int32_field(from, "stream"));
  to.spec.position = static_cast<uint32_t>(int32_field(from, "position"));
  to.spec.logprobs = int32_field(from, "logprobs");
  to.link();
}

void read_score(const Napi::Object& from, model::ScoreTask& to) {
  to.row = int32_field(from, "row");
  to.spec.token = int32_field(from, "token");
  to.spec.logprobs = int32_field(from, "logprobs");
}

void read_gate(const Napi::Object& from, GatedSequence& to) {
  to.sequence = int32_field(from, "sequence");
  to.gate = LoadGateObject::from(from.Get("gate"), "gates.gate").gate();
}

void read_attention(const Napi::Object& from, attention::PolicySequence& to) {
  to.sequence = int32_field(from, "sequence");
  to.state = SequenceAttentionObject::from(from.Get("state"), "attention.state").state();
  to.decode_from = int32_field(from, "decodeFrom");
}

void read_head_tables(const Napi::Object& from, HeadTables& to) {
  to.sequence = int32_field(from, "sequence");
  to.pages = copied_field<int32_t>(from, "pages");
}

template <class Task>
std::vector<Task> read_list(const Napi::Object& request, const char* name, void (*read)(const Napi::Object&, Task&)) {
  const Napi::Array list = array_field(request, name);
  std::vector<Task> result(list.Length());
  for (uint32_t i = 0; i < list.Length(); i++) {
    Napi::HandleScope scope(list.Env());
    const Napi::Value entry = list.Get(i);
    if (!entry.IsObject()) throw invalid(name, "must hold objects");
    read(entry.As<Napi::Object>(), result[i]);
  }
  return result;
}

template <class Array, class T>
Array typed_copy(Napi::Env env, const std::vector<T>& values) {
  Array array = Array::New(env, values.size());
  std::ranges::copy(values, array.Data());
  return array;
}

const char* name_of(sampling::SampleStatus status) {
  switch (status) {
    case sampling::SampleStatus::kOk:
      return "ok";
    case sampling::SampleStatus::kNotFinite:
      return "not-finite";
    case sampling::SampleStatus::kNoCandidate:
      return "no-candidate";
    case sampling::SampleStatus::kInvalidInput:
      return "invalid-input";
  }
  return "invalid-input";
}

Napi::Array write_draws(Napi::Env env, const std::vector<sampling::SampleOutput>& draws) {
  Napi::Array list = Napi::Array::New(env, draws.size());
  for (uint32_t i = 0; i < draws.size(); i++) {
    Napi::HandleScope scope(env);
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("status", Napi::String::New(env, name_of(draws[i].status)));
    entry.Set("token", Napi::Number::New(env, draws[i].token));
    entry.Set("logprob", Napi::Number::New(env, draws[i].logprob));
    entry.Set("topTokens", typed_copy<Napi::Int32Array>(env, draws[i].top_tokens));
    entry.Set("topLogprobs", typed_copy<Napi::Float32Array>(env, draws[i].top_logprobs));
    list.Set(i, entry);
  }
  return list;
}

Napi::Object write_attention(Napi::Env env, const model::StepOutput& output) {
  const auto number = [&](uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
  Napi::Array sequences = Napi::Array::New(env, output.sequences.size());
  for (uint32_t i = 0; i < output.sequences.size(); i++) {
    const SequenceDensity& density = output.sequences[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("prefillVisible", number(density.prefill_visible));
    entry.Set("prefillRead", number(density.prefill_read));
    entry.Set("decodeVisible", number(density.decode_visible));
    entry.Set("decodeRead", number(density.decode_read));
    entry.Set("kvReadBytes", number(density.kv_read_bytes));
    Napi::Object audit = Napi::Object::New(env);
    audit.Set("samples", number(density.audit.samples));
    audit.Set("recallSum", Napi::Number::New(env, density.audit.recall_sum));
    audit.Set("recallLeast", Napi::Number::New(env, density.audit.recall_least));
    audit.Set("errorSum", Napi::Number::New(env, density.audit.error_sum));
    entry.Set("audit", audit);
    sequences.Set(i, entry);
  }
  Napi::Object attention = Napi::Object::New(env);
  attention.Set("layers", Napi::Number::New(env, output.attention_layers));
  attention.Set("kvReadBytes", number(output.kv_read_bytes));
  attention.Set("selectMs", Napi::Number::New(env, static_cast<double>(output.select_ns) / 1e6));
  attention.Set("scoreBytes", number(output.score_bytes));
  attention.Set("sequences", sequences);
  return attention;
}

StepFacts read_facts(const Napi::Value& pool, const Napi::Object& request) {
  StepFacts facts;
  facts.pool = KvPoolObject::from(pool, "pool").pool();
  facts.cu_seqlens = copied_field<int32_t>(request, "cuSeqlens");
  facts.past_lens = copied_field<int32_t>(request, "pastLens");
  facts.block_table = copied_field<int32_t>(request, "blockTable");
  facts.block_table_width = int32_field(request, "blockTableWidth");
  if (request.Has("headTables")) facts.head_tables = read_list<HeadTables>(request, "headTables", read_head_tables);
  facts.rope_inv_freq = copied_field<float>(request, "ropeInvFreq");
  facts.rope_scale = copied_field<float>(request, "ropeScale");
  facts.rope_classes = int32_field(request, "ropeClasses");
  if (request.Has("attention")) facts.attention = read_list<attention::PolicySequence>(request, "attention", read_attention);
  if (request.Has("probe")) facts.probe = AttentionProbeObject::from(request.Get("probe"), "probe").probe();
  if (request.Has("gates")) facts.gates = read_list<GatedSequence>(request, "gates", read_gate);
  return facts;
}

// All rows of R, none, or some.
void read_wanted_rows(const Napi::Object& request, model::StepInput& step) {
  const Napi::Value wanted = request.Get("wantLogits");
  if (wanted.IsTypedArray()) {
    step.want_logits = true;
    step.wanted_rows = copied_field<int32_t>(request, "wantLogits");
    return;
  }
  if (!wanted.IsBoolean()) throw invalid("wantLogits", "must be a boolean or an Int32Array");
  step.want_logits = wanted.As<Napi::Boolean>().Value();
  step.wanted_rows.resize(step.want_logits ? step.logit_rows.size() : 0);
  std::iota(step.wanted_rows.begin(), step.wanted_rows.end(), 0);
}

}  // namespace

model::StepInput read_step(const Napi::Value& pool, const Napi::Object& request) {
  model::StepInput step;
  step.context = std::make_shared<StepContext>(read_facts(pool, request));
  step.token_ids = copied_field<int32_t>(request, "tokenIds");
  step.logit_rows = copied_field<int32_t>(request, "logitRows");
  step.samples = read_list<model::SampleTask>(request, "samples", read_sample);
  step.scores = read_list<model::ScoreTask>(request, "scores", read_score);
  read_wanted_rows(request, step);
  return step;
}

Napi::Object write_result(Napi::Env env, const model::StepOutput& output, bool with_logits) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("samples", write_draws(env, output.samples));
  result.Set("scores", write_draws(env, output.scores));
  result.Set("logits", with_logits ? typed_copy<Napi::Float32Array>(env, output.logits).As<Napi::Value>() : env.Null());
  result.Set("runMs", Napi::Number::New(env, output.run_ms));
  result.Set("sampleMs", Napi::Number::New(env, output.sample_ms));
  result.Set("attention", write_attention(env, output));
  return result;
}

}  // namespace longhaul::napi
