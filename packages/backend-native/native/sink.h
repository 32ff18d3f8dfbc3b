// Sink: the JavaScript that readiness is delivered to, and the arrays that it is delivered in.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>

namespace pollout {

class Sink {
 public:
  // `in_scope`: as Loop::calls_in_scope() has it.
  Sink(Napi::Env env, Napi::Function ready, Napi::Function broken, bool in_scope);

  // While it is not held, JavaScript may collect the functions, and what they hold: a poller with
  // nothing armed is garbage like any object. While it is, a forgotten one still reports.
  void Hold(bool hold);

  // The arrays of the next batch. Needs a handle scope, as all below.
  struct Batch {
    Napi::Float64Array tokens;
    Napi::Uint8Array readiness;
  };
  Batch PrepareBatch(Napi::Env env);

  // Each calls one of the two functions; an exception is left pending. From within a call of
  // JavaScript its caller gets it, and from the event loop a Turn sees to it.
  void CallReady(Napi::Env env, const Batch& batch, int count);
  void CallBroken(Napi::Env env, int error);

  // What a call from the event loop stands in: when it ends, nextTick and microtasks run. It is
  // MakeCallback() in two halves, because between them the backend has to note that the sink has
  // returned: what those microtasks do is not done from inside the sink.
  class Turn {
   public:
    Turn(Napi::Env env, const Sink& sink) noexcept;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    // Makes a pending exception the process's uncaught one.
    ~Turn();

   private:
    Napi::Env env_;
    napi_callback_scope scope_ = nullptr;
  };

 private:
  Napi::FunctionReference ready_;
  Napi::FunctionReference broken_;
  Napi::Reference<Napi::Float64Array> tokens_;
  Napi::Reference<Napi::Uint8Array> readiness_;
  // None where the event loop has its own.
  std::optional<Napi::AsyncContext> context_;
  bool held_ = false;
};

// Calls it, if it still exists. Without node-addon-api, for which a Worker that is being terminated
// and runs no JavaScript any more is a fatal error.
void CallFunction(Napi::Env env, const Napi::Function& function,
                  std::initializer_list<napi_value> arguments);

// {errno, syscall}, which JavaScript makes one in Node's shape of: src/system-error.ts.
Napi::Error SystemError(Napi::Env env, int error, const char* call);

}  // namespace pollout
