// Sink: calls into JavaScript.
#include "sink.h"

#include "poller.h"

namespace pollout {

namespace {
constexpr const char* kPollCall = "epoll_wait";
}

Sink::Sink(Napi::Env env, Napi::Function ready, Napi::Function broken, bool in_scope)
    : ready_(Napi::Weak(ready)),
      broken_(Napi::Weak(broken)),
      tokens_(Napi::Persistent(Napi::Float64Array::New(env, Poller::kMaxBatch))),
      readiness_(Napi::Persistent(Napi::Uint8Array::New(env, Poller::kMaxBatch))) {
  if (!in_scope) context_.emplace(env, "pollout");
}

void Sink::Hold(bool hold) {
  if (hold == held_) return;
  held_ = hold;
  if (hold) {
    ready_.Ref();
    broken_.Ref();
  } else {
    ready_.Unref();
    broken_.Unref();
  }
}

Sink::Batch Sink::PrepareBatch(Napi::Env env) {
  Batch batch{tokens_.Value(), readiness_.Value()};
  // The sink may have transferred them to another thread; their memory is not ours then.
  if (batch.tokens.ElementLength() != Poller::kMaxBatch) {
    batch.tokens = Napi::Float64Array::New(env, Poller::kMaxBatch);
    tokens_ = Napi::Persistent(batch.tokens);
  }
  if (batch.readiness.ElementLength() != Poller::kMaxBatch) {
    batch.readiness = Napi::Uint8Array::New(env, Poller::kMaxBatch);
    readiness_ = Napi::Persistent(batch.readiness);
  }
  return batch;
}

void Sink::CallReady(Napi::Env env, const Batch& batch, int count) {
  CallFunction(env, ready_.Value(), {batch.tokens, batch.readiness, Napi::Number::New(env, count)});
}

void Sink::CallBroken(Napi::Env env, int error) {
  CallFunction(env, broken_.Value(), {SystemError(env, error, kPollCall).Value()});
}

Sink::Turn::Turn(Napi::Env env, const Sink& sink) noexcept : env_(env) {
  if (sink.context_) napi_open_callback_scope(env, nullptr, *sink.context_, &scope_);
}

Sink::Turn::~Turn() {
  if (env_.IsExceptionPending()) {
    napi_fatal_exception(env_, env_.GetAndClearPendingException().Value());
  }
  if (scope_ != nullptr) napi_close_callback_scope(env_, scope_);
}

void CallFunction(Napi::Env env, const Napi::Function& function,
                  std::initializer_list<napi_value> arguments) {
  if (function.IsEmpty()) return;
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  napi_call_function(env, undefined, function, arguments.size(), arguments.begin(), nullptr);
}

Napi::Error SystemError(Napi::Env env, int error, const char* call) {
  Napi::Error object = Napi::Error::New(env, call);
  object.Set("errno", Napi::Number::New(env, error));
  object.Set("syscall", Napi::String::New(env, call));
  return object;
}

}  // namespace pollout
