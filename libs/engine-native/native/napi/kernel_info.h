// The processor and its kernels for JavaScript, and measuring them.
#pragma once

#include <napi.h>

namespace longhaul::napi {

Napi::Object processor_info(Napi::Env env);
Napi::Object kernel_table(Napi::Env env);
// measureKernels(request): a promise of rates, measured on libuv's threads and others of its own.
Napi::Value measure_kernels(const Napi::CallbackInfo& info);

}  // namespace longhaul::napi
