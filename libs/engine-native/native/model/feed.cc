#include "feed.h"

#include <algorithm>
#include <initializer_list>

#include "../fault.h"

namespace longhaul::model {
namespace {

constexpr const char* kInputNames[] = {"input_ids", "logit_rows", "step_context"};

ort::Owned<ort::Value> wrap(void* data, size_t element_bytes, int type, std::initializer_list<int64_t> dims) {
  static int64_t nothing = 0;  // an empty vector may have a null pointer, which the library refuses
  size_t bytes = element_bytes;
  for (int64_t d : dims) bytes *= static_cast<size_t>(d);
  return ort::make<ort::Value>(ort::api().CreateTensorWithDataAsOrtValue, ort::cpu_memory(), data ? data : &nothing,
                               bytes, dims.begin(), dims.size(), type);
}

ort::Owned<ort::Value> integers(std::vector<int32_t>& values) {
  return wrap(values.data(), sizeof(int32_t), ort::kInt32, {static_cast<int64_t>(values.size())});
}

}  // namespace

bool Feed::knows(const std::string& input) { return std::ranges::find(kInputNames, input) != std::end(kInputNames); }

ort::Owned<ort::Value> Feed::value_of(StepInput& step, const std::string& input) {
  if (input == "input_ids") return integers(step.token_ids);
  if (input == "logit_rows") return integers(step.logit_rows);
  return wrap(&handle_, sizeof handle_, ort::kInt64, {1});
}

Feed::Feed(StepInput& step, const std::vector<std::string>& inputs)
    : registration_(step.context), handle_(registration_.handle()) {
  for (const std::string& input : inputs) {
    owned_.push_back(value_of(step, input));
    names_.push_back(input.c_str());
    values_.push_back(owned_.back().get());
  }
}

}  // namespace longhaul::model
