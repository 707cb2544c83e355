#include "kv_pool_object.h"

#include "arguments.h"
#include "errors.h"
#include "transfer_worker.h"

namespace longhaul::napi {
namespace {

constexpr napi_type_tag kTag = {0x6c6f6e676861756c, 0x6b762d706f6f6c01};

KvDtype dtype_field(const Napi::Object& options) {
  const std::string name = string_field(options, "dtype");
  std::string known;
  for (const KvDtype dtype : kKvDtypes) {
    if (name == traits_of(dtype).name) return dtype;
    known += (known.empty() ? "" : ", ") + std::string(traits_of(dtype).name);
  }
  throw invalid("dtype", "must be one of " + known);
}

KvChannel channel_of(const Napi::Value& value) {
  std::string known;
  for (const KvChannel channel : kKvChannels) {
    if (value.IsString() && value.As<Napi::String>().Utf8Value() == traits_of(channel).name) return channel;
    known += (known.empty() ? "" : ", ") + std::string(traits_of(channel).name);
  }
  throw invalid("metadata", "must hold names of " + known);
}

// None where the options say nothing.
KvChannels metadata_field(const Napi::Object& options) {
  KvChannels channels;
  if (options.Get("metadata").IsUndefined()) return channels;
  const Napi::Array names = array_field(options, "metadata");
  for (uint32_t i = 0; i < names.Length(); i++) {
    const KvChannel channel = channel_of(names.Get(i));
    if (channels.has(channel)) throw invalid("metadata", std::string("names ") + traits_of(channel).name + " twice");
    channels = channels.with(channel);
  }
  return channels;
}

}  // namespace

Napi::Function KvPoolObject::define(Napi::Env env) {
  return DefineClass(env, "KvPool",
                     {InstanceAccessor<&KvPoolObject::get_bytes>("bytes"),
                      InstanceAccessor<&KvPoolObject::get_huge_pages>("hugePages"),
                      InstanceMethod<&KvPoolObject::copy_page>("copyPage"),
                      InstanceMethod<&KvPoolObject::poison_pages>("poisonPages"),
                      InstanceMethod<&KvPoolObject::export_block>("exportBlock"),
                      InstanceMethod<&KvPoolObject::import_block>("importBlock"),
                      InstanceMethod<&KvPoolObject::dispose>("dispose")});
}

KvPoolObject& KvPoolObject::from(const Napi::Value& value, const char* name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) throw invalid(name, "must be a KV pool");
  return *Unwrap(value.As<Napi::Object>());
}

KvPoolObject::KvPoolObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<KvPoolObject>(info) {
  guarded(info.Env(), [&] {
    const Napi::Object options = object_argument(info, 0, "options");
    auto pool = std::make_shared<KvPool>(KvPoolShape{
        int32_field(options, "layers"), int32_field(options, "kvHeads"), int32_field(options, "headDim"),
        int32_field(options, "pages"), dtype_field(options), {}, metadata_field(options)});
    bytes_ = pool->bytes();
    huge_pages_ = pool->huge_pages();
    pool_ = std::move(pool);
    Value().TypeTag(&kTag);
  });
}

std::shared_ptr<KvPool> KvPoolObject::pool() const {
  if (!pool_) throw Fault(FaultKind::kFailedPrecondition, "the KV pool is disposed");
  return pool_;
}

Napi::Value KvPoolObject::get_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(bytes_));
}

Napi::Value KvPoolObject::get_huge_pages(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), huge_pages_);
}

void KvPoolObject::copy_page(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { pool()->copy_page(int64_argument(info, 0, "from"), int64_argument(info, 1, "to")); });
}

void KvPoolObject::poison_pages(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { pool()->poison(typed_view<int32_t>(info[0], "pages")); });
}

Napi::Value KvPoolObject::export_block(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return start_transfer(info, pool(), TransferDirection::kExport); });
}

Napi::Value KvPoolObject::import_block(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return start_transfer(info, pool(), TransferDirection::kImport); });
}

void KvPoolObject::dispose(const Napi::CallbackInfo&) { pool_.reset(); }

}  // namespace longhaul::napi
