#pragma once

#include <napi.h>

#include "../kv_pool.h"

namespace longhaul::napi {

enum class TransferDirection { kExport, kImport };

// Starts moving a block between a pool and the caller's memory, on a thread of libuv's pool. Arguments: pages
// (Int32Array), layerBegin, layerEnd, sections (Uint8Array[]). The arrays are kept alive until the promise settles.
// Throws a JavaScript error for a refused argument.
Napi::Value start_transfer(const Napi::CallbackInfo& info, std::shared_ptr<KvPool> pool, TransferDirection direction);

}  // namespace longhaul::napi
