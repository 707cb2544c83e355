#pragma once

#include <string>
#include <vector>

#include "../ort/library.h"
#include "step.h"

namespace longhaul::model {

// The graph inputs of one step: OrtValues over the step's own arrays, for the inputs that a graph has.
class Feed {
 public:
  // True for the input names that README.md lists.
  static bool knows(const std::string& input);

  // Makes the step's context known under the handle that it feeds, for as long as the feed lives. `step` and `inputs` must
  // outlive the feed.
  Feed(StepInput& step, const std::vector<std::string>& inputs);

  size_t size() const { return names_.size(); }
  const char* const* names() const { return names_.data(); }
  const ort::Value* const* values() const { return values_.data(); }

 private:
  ort::Owned<ort::Value> value_of(StepInput& step, const std::string& input);

  StepRegistration registration_;
  int64_t handle_;
  std::vector<const char*> names_;
  std::vector<const ort::Value*> values_;
  std::vector<ort::Owned<ort::Value>> owned_;
};

}  // namespace longhaul::model
