#include "attention_probe_object.h"

#include <algorithm>

#include "arguments.h"
#include "errors.h"

namespace longhaul::napi {
namespace {

constexpr napi_type_tag kTag = {0x6c6f6e676861756c, 0x61742d70726f6201};

attention::ProbeFacts read_facts(const Napi::Object& options) {
  attention::ProbeFacts facts;
  facts.layers = int32_field(options, "layers");
  facts.heads = int32_field(options, "heads");
  facts.kv_heads = int32_field(options, "kvHeads");
  facts.head_dim = int32_field(options, "headDim");
  facts.distances = copied_field<int32_t>(options, "distances");
  facts.from_position = int32_field(options, "fromPosition");
  facts.products = bool_field(options, "products");
  facts.means = bool_field(options, "means");
  facts.stride = int32_field(options, "stride");
  facts.masses = copied_field<float>(options, "masses");
  return facts;
}

Napi::Float64Array numbers(Napi::Env env, const std::vector<double>& values) {
  Napi::Float64Array array = Napi::Float64Array::New(env, values.size());
  std::ranges::copy(values, array.Data());
  return array;
}

}  // namespace

Napi::Function AttentionProbeObject::define(Napi::Env env) {
  return DefineClass(env, "AttentionProbe", {InstanceMethod<&AttentionProbeObject::sums>("sums")});
}

AttentionProbeObject& AttentionProbeObject::from(const Napi::Value& value, const char* name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) throw invalid(name, "must be an attention probe");
  return *Unwrap(value.As<Napi::Object>());
}

AttentionProbeObject::AttentionProbeObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<AttentionProbeObject>(info) {
  guarded(info.Env(), [&] {
    probe_ = std::make_shared<attention::AttentionProbe>(read_facts(object_argument(info, 0, "options")));
    Value().TypeTag(&kTag);
  });
}

Napi::Value AttentionProbeObject::sums(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const attention::ProbeSums sums = probe_->sums();
    Napi::Object result = Napi::Object::New(env);
    result.Set("tokens", numbers(env, sums.tokens));
    result.Set("farTokens", numbers(env, sums.far_tokens));
    result.Set("distanceMass", numbers(env, sums.distance_mass));
    result.Set("products", numbers(env, sums.products));
    result.Set("querySums", numbers(env, sums.query_sums));
    result.Set("keySums", numbers(env, sums.key_sums));
    result.Set("blocks", numbers(env, sums.blocks));
    result.Set("unitsVisible", numbers(env, sums.units_visible));
    result.Set("massKept", numbers(env, sums.mass_kept));
    result.Set("unitsRead", numbers(env, sums.units_read));
    return result;
  });
}

}  // namespace longhaul::napi
