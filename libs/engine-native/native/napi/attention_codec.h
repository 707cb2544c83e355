#pragma once

#include <napi.h>

#include "../attention/policy/policy.h"

namespace longhaul::napi {

// AttentionPolicyOptions of addon-types.ts, checked for types; attention::AttentionPolicy checks the values.
attention::PolicyFacts read_policy(const Napi::Object& policy);

}  // namespace longhaul::napi
