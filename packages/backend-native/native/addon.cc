// The addon's exports: createBackend(ready, broken, originMs, threads, later), monotonicMs(), on
// whose scale originMs is, and the version. There is no other state than the backends'.
#include <napi.h>

#include <cstdint>

#include "backend.h"
#include "call_arguments.h"
#include "functions.h"
#include "monotonic_clock.h"

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
  if (!info[4].IsUndefined() && !info[4].IsFunction()) {
    Napi::TypeError::New(env, "later is not a function").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto later = info[4].IsFunction() ? info[4].As<Napi::Function>() : Napi::Function();
  Backend* backend = Backend::Create(env, info[0].As<Napi::Function>(),
                                     info[1].As<Napi::Function>(), origin_ms, threads, later);
  if (backend == nullptr) return env.Undefined();
  return MakeFunctions(env, *backend);
}

Napi::Value CallMonotonicMs(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), MsSince(0, MonotonicNs()));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("createBackend", Napi::Function::New(env, &CreateBackend, "createBackend"));
  exports.Set("monotonicMs", Napi::Function::New(env, &CallMonotonicMs, "monotonicMs"));
  // Of the package, by scripts/compile.mjs.
  exports.Set("version", Napi::String::New(env, POLLOUT_VERSION));
  return exports;
}

}  // namespace

// NOLINTNEXTLINE: the macro's own code.
NODE_API_MODULE(pollout, Init)

}  // namespace pollout
