#pragma once

#include <napi.h>

#include "../kv_pool.h"

namespace longhaul::napi {

// NativeKvPool of addon-types.ts.
class KvPoolObject : public Napi::ObjectWrap<KvPoolObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // The pool behind a JavaScript value. Throws Fault when it is no pool, or a disposed one.
  static KvPoolObject& from(const Napi::Value& value, const char* name);

  explicit KvPoolObject(const Napi::CallbackInfo& info);

  // Whoever holds it keeps the arena beyond dispose().
  std::shared_ptr<KvPool> pool() const;

 private:
  Napi::Value get_bytes(const Napi::CallbackInfo& info);
  Napi::Value get_huge_pages(const Napi::CallbackInfo& info);
  void copy_page(const Napi::CallbackInfo& info);
  void poison_pages(const Napi::CallbackInfo& info);
  Napi::Value export_block(const Napi::CallbackInfo& info);
  Napi::Value import_block(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<KvPool> pool_;
  size_t bytes_ = 0;
  bool huge_pages_ = false;
};

}  // namespace longhaul::napi
