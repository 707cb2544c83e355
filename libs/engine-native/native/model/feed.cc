#include "feed.h"

#include <algorithm>
#include <initializer_list>

#include "../fault.h"

namespace longhaul::model {
namespace {

constexpr const char* kInputNames[] = {"input_ids", "rope_inv_freq", "rope_scale",  "kv_pool",
                                       "cu_seqlens", "past_lens",    "block_table", "logit_rows"};

ort::Owned<ort::Value> wrap(void* data, size_t element_bytes, int type, std::initializer_list<int64_t> dims) {
  static int64_t nothing = 0;  // an empty vector may have a null pointer, which the library refuses
  size_t bytes = element_bytes;
  for (int64_t d : dims) bytes *= static_cast<size_t>(d);
  return ort::make<ort::Value>(ort::api().CreateTensorWithDataAsOrtValue, ort::cpu_memory(), data ? data : &nothing,
                               bytes, dims.begin(), dims.size(), type);
}

ort::Owned<ort::Value> integers(std::vector<int32_t>& values, std::initializer_list<int64_t> dims) {
  return wrap(values.data(), sizeof(int32_t), ort::kInt32, dims);
}

ort::Owned<ort::Value> reals(std::vector<float>& values, std::initializer_list<int64_t> dims) {
  return wrap(values.data(), sizeof(float), ort::kFloat, dims);
}

ort::Owned<ort::Value> value_of(StepInput& step, const std::string& input) {
  const int64_t batch = step.batch();
  if (input == "input_ids") return integers(step.token_ids, {step.tokens()});
  if (input == "rope_inv_freq") return reals(step.rope_inv_freq, {step.rope_classes, batch, step.rope_pairs()});
  if (input == "rope_scale") return reals(step.rope_scale, {step.rope_classes, batch});
  if (input == "kv_pool") return wrap(&step.pool_handle, sizeof(int64_t), ort::kInt64, {1});
  if (input == "cu_seqlens") return integers(step.cu_seqlens, {batch + 1});
  if (input == "past_lens") return integers(step.past_lens, {batch});
  if (input == "block_table") return integers(step.block_table, {batch, step.block_table_width});
  return integers(step.logit_rows, {static_cast<int64_t>(step.logit_rows.size())});
}

}  // namespace

bool Feed::knows(const std::string& input) { return std::ranges::find(kInputNames, input) != std::end(kInputNames); }

Feed::Feed(StepInput& step, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    owned_.push_back(value_of(step, input));
    names_.push_back(input.c_str());
    values_.push_back(owned_.back().get());
  }
}

}  // namespace longhaul::model
