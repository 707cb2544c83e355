#include "transfer_worker.h"

#include "../transfer/block_transfer.h"
#include "arguments.h"
#include "errors.h"

namespace longhaul::napi {
namespace {

class TransferWorker : public Napi::AsyncWorker {
 public:
  TransferWorker(const Napi::CallbackInfo& info, std::shared_ptr<KvPool> pool, TransferDirection direction)
      : Napi::AsyncWorker(info.Env(), "longhaul transfer"),
        deferred_(Napi::Promise::Deferred::New(info.Env())),
        pool_(std::move(pool)),
        direction_(direction) {
    const auto pages = typed_view<int32_t>(info[0], "pages");
    pages_.assign(pages.begin(), pages.end());
    layer_begin_ = layer_argument(info, 1, "layerBegin");
    layer_end_ = layer_argument(info, 2, "layerEnd");
    take_sections(info);
    transfer::require_valid(pool_->view(), block(), direction == TransferDirection::kImport);
  }

  Napi::Value promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    if (direction_ == TransferDirection::kExport) transfer::export_block(pool_->view(), block());
    else transfer::import_block(pool_->view(), block());
  }

  void OnOK() override { deferred_.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  static int layer_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
    const int64_t value = int64_argument(info, index, name);
    if (value < 0 || value > INT32_MAX) throw invalid(name, "must be a layer");
    return static_cast<int>(value);
  }

  // The caller's array may change while the work is under way; a copy of it does not, and holds the memory.
  void take_sections(const Napi::CallbackInfo& info) {
    if (!info[3].IsArray()) throw invalid("sections", "must be an array");
    const auto given = info[3].As<Napi::Array>();
    const KvPoolView& pool = pool_->view();
    const uint32_t parts = static_cast<uint32_t>(transfer::sections_per_layer(pool.dtype));
    Napi::Array held = Napi::Array::New(info.Env(), given.Length());
    for (uint32_t i = 0; i < given.Length(); i++) {
      const Napi::Value section = given.Get(i);
      const auto view = typed_view<uint8_t>(section, "sections");
      const size_t bytes =
          transfer::section_bytes(pool, pages_.size(), static_cast<transfer::SectionPart>(i % parts));
      if (view.size() != bytes)
        throw invalid("sections", "section " + std::to_string(i) + " has " + std::to_string(view.size()) +
                                      " bytes; these pages need " + std::to_string(bytes));
      sections_.push_back(reinterpret_cast<std::byte*>(const_cast<uint8_t*>(view.data())));
      held.Set(i, section);
    }
    held_ = Napi::Persistent(held.As<Napi::Object>());
  }

  transfer::BlockTransfer block() const { return {pages_, layer_begin_, layer_end_, sections_}; }

  Napi::Promise::Deferred deferred_;
  std::shared_ptr<KvPool> pool_;
  TransferDirection direction_;
  std::vector<int32_t> pages_;
  int layer_begin_ = 0;
  int layer_end_ = 0;
  std::vector<std::byte*> sections_;
  Napi::ObjectReference held_;
};

}  // namespace

Napi::Value start_transfer(const Napi::CallbackInfo& info, std::shared_ptr<KvPool> pool, TransferDirection direction) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto worker = std::make_unique<TransferWorker>(info, std::move(pool), direction);
    const Napi::Value promise = worker->promise();
    worker->Queue();
    worker.release();  // deletes itself when it has settled the promise
    return promise;
  });
}

}  // namespace longhaul::napi
