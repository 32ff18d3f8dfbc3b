// The addon's one export: createBackend(ready, broken, originMs, threads). There is no other state
// than the backends'.
#include <napi.h>

#include <cstdint>

#include "backend.h"
#include "call_arguments.h"
#include "functions.h"

namespace pollout {

namespace {

constexpr std::uint32_t kMaxThreads = 64;

Napi::Value CreateBackend(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsFunction() || !info[1].IsFunction()) {
    Napi::TypeError::New(env, "createBackend() takes two functions").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  double origin_ms = 0;
  if (!info[2].IsUndefined() && !ReadNumber(env, info[2], "originMs", &origin_ms)) {
    return env.Undefined();
  }
  std::uint32_t threads = 0;
  if (!info[3].IsUndefined() && !ReadInteger(env, info[3], "threads", 0, kMaxThreads, &threads)) {
    return env.Undefined();
  }
  Backend* backend = Backend::Create(env, info[0].As<Napi::Function>(),
                                     info[1].As<Napi::Function>(), origin_ms, threads);
  if (backend == nullptr) return env.Undefined();
  return MakeFunctions(env, *backend);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("createBackend", Napi::Function::New(env, &CreateBackend, "createBackend"));
  return exports;
}

}  // namespace

// NOLINTNEXTLINE: the macro's own code.
NODE_API_MODULE(pollout, Init)

}  // namespace pollout
