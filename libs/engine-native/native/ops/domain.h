#pragma once

#include "../ort/api.h"

namespace longhaul::ops {

constexpr const char* kDomain = "ai.longhaul";

// The domain with all operators of this library; add it to every session's options. One for the process.
ort::CustomOpDomain* domain();

}  // namespace longhaul::ops
