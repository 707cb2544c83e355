#pragma once

#include <napi.h>

namespace longhaul::napi {

// followLog(listener): from now on the lines of ONNX Runtime go to `listener(lines, lost)`, in batches on the JavaScript
// thread. One listener a process: false when another environment has one. It does not keep the process alive.
Napi::Value follow_log(const Napi::CallbackInfo& info);
// drainLog(listener): what waits at this moment, before this returns.
Napi::Value drain_log(const Napi::CallbackInfo& info);
// unfollowLog(): lines are kept, within the ring's bound, for the next listener.
Napi::Value unfollow_log(const Napi::CallbackInfo& info);
// Ends the listening of an environment, for its `exit` event.
void stop_log(Napi::Env env);

}  // namespace longhaul::napi
