#pragma once

#include <string>
#include <vector>

#include "../ort/library.h"
#include "step.h"

namespace longhaul::model {

// The graph inputs of one step: OrtValues over the step's own arrays, for the inputs that a graph has.
class Feed {
 public:
  // True for the input names of manifest.ts.
  static bool knows(const std::string& input);

  // `step` and `inputs` must outlive the feed.
  Feed(StepInput& step, const std::vector<std::string>& inputs);

  size_t size() const { return names_.size(); }
  const char* const* names() const { return names_.data(); }
  const ort::Value* const* values() const { return values_.data(); }

 private:
  std::vector<const char*> names_;
  std::vector<const ort::Value*> values_;
  std::vector<ort::Owned<ort::Value>> owned_;
};

}  // namespace longhaul::model
