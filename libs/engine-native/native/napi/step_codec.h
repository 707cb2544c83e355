#pragma once

#include <napi.h>

#include "../model/step.h"

namespace longhaul::napi {

// StepRequest of addon-types.ts, checked for types; model::validate() checks the values.
model::StepInput read_step(const Napi::Value& pool, const Napi::Object& request);

// StepResult of addon-types.ts.
Napi::Object write_result(Napi::Env env, const model::StepOutput& output, bool with_logits);

}  // namespace longhaul::napi
