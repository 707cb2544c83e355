// The Node-API surface, declared for TypeScript in src/native-addon.ts, which checks the ranges of arguments; here only
// what would be unsafe is checked again.
#include <napi.h>

#include <cerrno>
#include <string>

#include "../crc32c/crc32c.h"
#include "../io/file_io.h"
#include "job.h"

namespace longhaul::napi {
namespace {

io::Piece bytes_of(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(value.Env(), "bytes must be a Uint8Array");
  }
  const auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

uint64_t size_of(const Napi::Value& value) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), "a length or offset must be a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= 0 && number <= 9007199254740991.0)) {
    throw Napi::RangeError::New(value.Env(), "a length or offset must be between 0 and 2^53 - 1");
  }
  return static_cast<uint64_t>(number);
}

int fd_of(const Napi::Value& value) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), "fd must be a number");
  return value.As<Napi::Number>().Int32Value();
}

std::string path_of(const Napi::Value& value) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), "path must be a string");
  return value.As<Napi::String>().Utf8Value();
}

uint32_t word_of(const Napi::Value& value) { return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : 0; }

bool flag_of(const Napi::Value& value) { return value.IsBoolean() && value.As<Napi::Boolean>().Value(); }

Napi::Value checksum(const Napi::CallbackInfo& info) {
  const io::Piece bytes = bytes_of(info[0]);
  return Napi::Number::New(info.Env(), crc32c::crc32c(bytes.data, bytes.size, word_of(info[1])));
}

Napi::Value checksum_table(const Napi::CallbackInfo& info) {
  const io::Piece bytes = bytes_of(info[0]);
  return Napi::Number::New(info.Env(), crc32c::crc32c_table(bytes.data, bytes.size, word_of(info[1])));
}

Napi::Value checksum_async(const Napi::CallbackInfo& info) {
  const io::Piece bytes = bytes_of(info[0]);
  const uint32_t seed = word_of(info[1]);
  const auto work = [=] {
    return io::Outcome{0, "", static_cast<double>(crc32c::crc32c(bytes.data, bytes.size, seed)), 0};
  };
  return run_job(info.Env(), info[0], work, deliver_number);
}

Napi::Value combine(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), crc32c::combine(word_of(info[0]), word_of(info[1]), size_of(info[2])));
}

Napi::Value kernel(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), crc32c::kernel_name()); }

// How far the first aligned byte of the buffer is from its start.
Napi::Value misalignment(const Napi::CallbackInfo& info) {
  const auto address = reinterpret_cast<uintptr_t>(bytes_of(info[0]).data);
  return Napi::Number::New(info.Env(), static_cast<double>((io::kBlock - address % io::kBlock) % io::kBlock));
}

Napi::Value open_file(const Napi::CallbackInfo& info) {
  const std::string path = path_of(info[0]);
  const io::OpenFlags flags{flag_of(info[1]), flag_of(info[2]), flag_of(info[3])};
  return run_job(
      info.Env(), info.Env().Undefined(), [=] { return io::open_file(path.c_str(), flags); },
      [](Napi::Env env, const io::Outcome& outcome) -> Napi::Value {
        Napi::Object file = Napi::Object::New(env);
        file.Set("fd", outcome.value);
        file.Set("direct", outcome.second != 0);
        return file;
      });
}

Napi::Value close_file(const Napi::CallbackInfo& info) {
  const int fd = fd_of(info[0]);
  return run_job(info.Env(), info.Env().Undefined(), [=] { return io::close_file(fd); }, deliver_nothing);
}

Napi::Value write_at(const Napi::CallbackInfo& info) {
  const int fd = fd_of(info[0]);
  if (!info[1].IsArray()) throw Napi::TypeError::New(info.Env(), "buffers must be an array");
  const auto list = info[1].As<Napi::Array>();
  // The caller may change its array while the job runs: the views are kept alive by one of ours.
  Napi::Array kept = Napi::Array::New(info.Env(), list.Length());
  std::vector<io::Piece> pieces(list.Length());
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value view = list.Get(i);
    pieces[i] = bytes_of(view);
    kept.Set(i, view);
  }
  const uint64_t offset = size_of(info[2]);
  const bool direct = flag_of(info[3]);
  return run_job(
      info.Env(), kept, [=, pieces = std::move(pieces)] { return io::write_at(fd, pieces, offset, direct); }, deliver_nothing);
}

Napi::Value read_at(const Napi::CallbackInfo& info) {
  const int fd = fd_of(info[0]);
  const io::Piece into = bytes_of(info[1]);
  const uint64_t offset = size_of(info[2]);
  return run_job(
      info.Env(), info[1], [=] { return io::read_at(fd, const_cast<uint8_t*>(into.data), into.size, offset); }, deliver_number);
}

Napi::Value sync_data(const Napi::CallbackInfo& info) {
  const int fd = fd_of(info[0]);
  return run_job(info.Env(), info.Env().Undefined(), [=] { return io::sync_data(fd); }, deliver_nothing);
}

template <io::Outcome (*Operation)(int, uint64_t, uint64_t)>
Napi::Value on_range(const Napi::CallbackInfo& info) {
  const int fd = fd_of(info[0]);
  const uint64_t offset = size_of(info[1]);
  const uint64_t length = size_of(info[2]);
  return run_job(info.Env(), info.Env().Undefined(), [=] { return Operation(fd, offset, length); }, deliver_flag);
}

Napi::Value truncate_file(const Napi::CallbackInfo& info) {
  const int fd = fd_of(info[0]);
  const uint64_t length = size_of(info[1]);
  return run_job(info.Env(), info.Env().Undefined(), [=] { return io::truncate_file(fd, length); }, deliver_nothing);
}

Napi::Value stat_file(const Napi::CallbackInfo& info) {
  const int fd = fd_of(info[0]);
  return run_job(
      info.Env(), info.Env().Undefined(), [=] { return io::stat_file(fd); },
      [](Napi::Env env, const io::Outcome& outcome) -> Napi::Value {
        Napi::Object status = Napi::Object::New(env);
        status.Set("bytes", outcome.value);
        status.Set("allocatedBytes", outcome.second);
        return status;
      });
}

Napi::Value sync_directory(const Napi::CallbackInfo& info) {
  const std::string path = path_of(info[0]);
  return run_job(info.Env(), info.Env().Undefined(), [=] { return io::sync_directory(path.c_str()); }, deliver_nothing);
}

// value: the descriptor, or -1 where another holds the lock.
Napi::Value lock_directory(const Napi::CallbackInfo& info) {
  const std::string path = path_of(info[0]);
  const auto work = [=] {
    const io::Outcome outcome = io::lock_directory(path.c_str());
    return outcome.error == EWOULDBLOCK ? io::Outcome{0, "", -1, 0} : outcome;
  };
  return run_job(info.Env(), info.Env().Undefined(), work, deliver_number);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  const auto define = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  define("crc32c", checksum);
  define("crc32cTable", checksum_table);
  define("crc32cAsync", checksum_async);
  define("crc32cCombine", combine);
  define("crc32cKernel", kernel);
  define("misalignment", misalignment);
  define("open", open_file);
  define("close", close_file);
  define("writeAt", write_at);
  define("readAt", read_at);
  define("syncData", sync_data);
  define("allocate", on_range<io::allocate>);
  define("punchHole", on_range<io::punch_hole>);
  define("truncate", truncate_file);
  define("stat", stat_file);
  define("syncDirectory", sync_directory);
  define("lockDirectory", lock_directory);
  return exports;
}

}  // namespace
}  // namespace longhaul::napi

Napi::Object longhaul_init(Napi::Env env, Napi::Object exports) { return longhaul::napi::init(env, exports); }
NODE_API_MODULE(NODE_GYP_MODULE_NAME, longhaul_init)
