#pragma once

#include <napi.h>

#include <functional>

#include "../io/file_io.h"

namespace longhaul::napi {

// Runs `work` on libuv's thread pool and settles a promise with what `deliver` makes of its outcome. `keep` (buffers)
// stays alive until then. A failed outcome rejects with an Error that has `errno`, `code` and `syscall`.
Napi::Promise run_job(Napi::Env env, Napi::Value keep, std::function<io::Outcome()> work,
                      std::function<Napi::Value(Napi::Env, const io::Outcome&)> deliver);

Napi::Value deliver_nothing(Napi::Env env, const io::Outcome&);
Napi::Value deliver_number(Napi::Env env, const io::Outcome& outcome);
Napi::Value deliver_flag(Napi::Env env, const io::Outcome& outcome);

}  // namespace longhaul::napi
