#include "kernel_info.h"

#include "../cpu/processor.h"
#include "../kernels/choice.h"
#include "../kernels/measure.h"
#include "arguments.h"
#include "errors.h"

namespace longhaul::napi {
namespace {

Napi::Array strings(Napi::Env env, const std::vector<std::string>& values) {
  Napi::Array result = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); i++) result.Set(i, values[i]);
  return result;
}

Napi::Array levels_of(Napi::Env env, const kernels::Operator& op) {
  Napi::Array levels = Napi::Array::New(env, op.levels.size());
  for (uint32_t i = 0; i < op.levels.size(); i++) {
    Napi::Object level = Napi::Object::New(env);
    level.Set("level", op.levels[i].name);
    level.Set("needs", strings(env, op.levels[i].needs));
    level.Set("supported", op.levels[i].supported);
    levels.Set(i, level);
  }
  return levels;
}

std::vector<std::string> string_list(const Napi::Object& object, const char* name) {
  const Napi::Array array = array_field(object, name);
  std::vector<std::string> result;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value value = array.Get(i);
    if (!value.IsString()) throw invalid(name, "must hold strings");
    result.push_back(value.As<Napi::String>());
  }
  return result;
}

Napi::Object object_at(const Napi::Array& array, uint32_t index, const char* name) {
  const Napi::Value value = array.Get(index);
  if (!value.IsObject()) throw invalid(name, "must hold objects");
  return value.As<Napi::Object>();
}

kernels::MeasuredOperator read_operator(const Napi::Object& object) {
  kernels::MeasuredOperator result;
  result.name = string_field(object, "operator");
  result.levels = string_list(object, "levels");
  if (kernels::operator_type(result.name).is_attention) {
    result.attention = {{}, int32_field(object, "heads"), int32_field(object, "kvHeads"), int32_field(object, "headDim")};
    return result;
  }
  const Napi::Array matrices = array_field(object, "matrices");
  for (uint32_t i = 0; i < matrices.Length(); i++) {
    const Napi::Object matrix = object_at(matrices, i, "matrices");
    result.matrices.push_back({int32_field(matrix, "rows"), int32_field(matrix, "cols"), int32_field(matrix, "count"),
                               bool_field(matrix, "prefill")});
  }
  return result;
}

kernels::MeasureRequest read_request(const Napi::CallbackInfo& info) {
  const Napi::Object object = object_argument(info, 0, "request");
  kernels::MeasureRequest request;
  request.threads = int32_field(object, "threads");
  request.budget_ms = number_field(object, "budgetMs");
  const Napi::Array operators = array_field(object, "operators");
  for (uint32_t i = 0; i < operators.Length(); i++)
    request.operators.push_back(read_operator(object_at(operators, i, "operators")));
  kernels::validate(request);
  return request;
}

class MeasureWorker : public Napi::AsyncWorker {
 public:
  MeasureWorker(Napi::Env env, kernels::MeasureRequest request)
      : Napi::AsyncWorker(env, "longhaul kernels"), deferred_(Napi::Promise::Deferred::New(env)), request_(std::move(request)) {}

  Napi::Value promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      rates_ = kernels::measure(request_);
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  void OnOK() override {
    if (error_) return deferred_.Reject(to_error(Env(), error_).Value());
    Napi::Array rates = Napi::Array::New(Env(), rates_.size());
    for (uint32_t i = 0; i < rates_.size(); i++) {
      Napi::Object rate = Napi::Object::New(Env());
      rate.Set("operator", rates_[i].operator_name);
      rate.Set("level", rates_[i].level);
      rate.Set("prefillGops", rates_[i].prefill_gops);
      rate.Set("decodeGbps", rates_[i].decode_gbps);
      rate.Set("runs", rates_[i].runs);
      rates.Set(i, rate);
    }
    deferred_.Resolve(rates);
  }

 private:
  Napi::Promise::Deferred deferred_;
  const kernels::MeasureRequest request_;
  std::vector<kernels::Rate> rates_;
  std::exception_ptr error_;
};

}  // namespace

Napi::Object processor_info(Napi::Env env) {
  const cpu::Processor processor = cpu::processor();
  std::vector<std::string> features;
  for (size_t i = 0; i < std::size(cpu::kFeatureNames); ++i)
    if (cpu::host_features().has(static_cast<cpu::Feature>(i))) features.push_back(cpu::kFeatureNames[i]);
  Napi::Object result = Napi::Object::New(env);
  result.Set("vendor", processor.vendor);
  result.Set("name", processor.name);
  result.Set("family", processor.family);
  result.Set("model", processor.model);
  result.Set("stepping", processor.stepping);
  result.Set("features", strings(env, features));
  return result;
}

Napi::Object kernel_table(Napi::Env env) {
  Napi::Object table = Napi::Object::New(env);
  for (const kernels::Operator& op : kernels::operators()) table.Set(op.name, levels_of(env, op));
  return table;
}

Napi::Value measure_kernels(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto worker = std::make_unique<MeasureWorker>(info.Env(), read_request(info));
    const Napi::Value promise = worker->promise();
    worker->Queue();
    worker.release();  // deletes itself when it has settled the promise
    return promise;
  });
}

}  // namespace longhaul::napi
