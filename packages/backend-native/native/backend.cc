// Backend: making one, delivery, and teardown. The calls on its sockets are in backend_sockets.cc.
#include "backend.h"

#include <utility>

#include "closing.h"

namespace pollout {

Backend::Backend(Napi::Env env, double origin_ms, std::uint32_t threads)
    : env_(env),
      origin_ms_(origin_ms),
      poller_(*this, sockets_),
      recycler_(*this),
      lanes_(*this, sockets_, threads),
      exchange_lanes_(*this) {}

Backend* Backend::Create(Napi::Env env, Napi::Function ready, Napi::Function broken,
                         double origin_ms, std::uint32_t threads, Napi::Function later) {
  auto* backend = new Backend(env, origin_ms, threads);
  backend->loop_ = Loop::Of(env, later, *backend);
  if (backend->loop_ == nullptr) {
    delete backend;
    return nullptr;
  }
  backend->sink_.emplace(env, ready, broken, backend->loop_->calls_in_scope());
  const char* call = nullptr;
  const int failed = backend->poller_.Open(*backend->loop_, &call);
  if (failed != 0) {
    SystemError(env, failed, call).ThrowAsJavaScriptException();
    delete backend;
    return nullptr;
  }
  backend->recycler_.Open(*backend->loop_);
  return backend;
}

void Backend::Release() noexcept {
  if (--owners_ == 0) delete this;
}

// Gather first, call JavaScript last: inside the call sockets are closed and opened, and the slots
// and the kernel's events with them. The call may also destroy the backend, which is why it is held
// meanwhile; afterwards it is at worst empty, and Settle() looks.
bool Backend::Deliver(Napi::Env env) {
  Sink::Batch batch = sink_->PrepareBatch(env);
  const auto [count, more] = poller_.Gather(batch.tokens.Data(), batch.readiness.Data());
  if (count == 0) return more;
  delivering_ = true;
  if (count > 0) {
    sink_->CallReady(env, batch, count);
  } else {
    broken_ = true;
    sink_->CallBroken(env, count);
  }
  delivering_ = false;
  Settle();
  return more;
}

void Backend::OnReady() {
  if (broken_) return;
  const Napi::Env env(env_);
  const Napi::HandleScope scope(env);
  Retain();
  {
    const Sink::Turn turn(env, *sink_);
    Deliver(env);
  }
  Release();
}

void Backend::Poll(Napi::Env env) {
  if (delivering_ || broken_ || closing_) return;
  Retain();
  // Each registration has one report due, so there are this many batches at most. The limit matters
  // where the sink arms anew what is always ready, and for what is watched.
  int batches = (poller_.armed() + Poller::kMaxBatch - 1) / Poller::kMaxBatch;
  bool more = true;
  while (more && batches-- > 0 && !closing_ && !broken_ && !env.IsExceptionPending()) {
    const Napi::HandleScope scope(env);
    more = Deliver(env);
  }
  Release();
}

void Backend::OnBroken(int error) {
  if (broken_ || closing_) return;
  const Napi::Env env(env_);
  const Napi::HandleScope scope(env);
  Retain();
  {
    const Sink::Turn turn(env, *sink_);
    broken_ = true;
    sink_->CallBroken(env, error);
    Settle();
  }
  Release();
}

void Backend::OnOutcomes() {
  const Napi::Env env(env_);
  const Napi::HandleScope scope(env);
  Retain();
  {
    const Sink::Turn turn(env, *sink_);
    lanes_.Deliver(env);
  }
  Release();
}

void Backend::OnExchanges() {
  const Napi::Env env(env_);
  const Napi::HandleScope scope(env);
  Retain();
  {
    const Sink::Turn turn(env, *sink_);
    exchange_lanes_.Deliver(env);
  }
  Release();
}

void Backend::SetRef(bool ref) {
  referenced_ = ref;
  Settle();
}

void Backend::Settle() {
  // Within a batch the count goes to zero and back all the time.
  if (delivering_ || closing_) return;
  const bool active = poller_.armed() > 0 && !broken_;
  sink_->Hold(active);
  const bool keep = active && referenced_;
  if (keep == kept_alive_) return;
  kept_alive_ = keep;
  poller_.KeepAlive(keep);
}

void Backend::Destroy(Napi::Function closed, bool reset) {
  if (closing_) return;
  closed_ = Napi::Persistent(closed);
  GiveBack(reset);
}

void Backend::GiveBack(bool reset) {
  closing_ = true;
  sockets_.ForEach([this, reset](Socket& socket, std::uint64_t handle) {
    poller_.RemoveUnlessMute(socket);
    if (!reset) DiscardReceived(socket);
    PrepareClose(socket, reset);
    sockets_.Remove(handle);
  });
  sink_->Hold(false);
  recycler_.Close();
  poller_.Close();
  if (!lanes_.Close()) --open_parts_;
  if (!exchange_lanes_.Close()) --open_parts_;
}

void Backend::OnClosed() {
  if (--open_parts_ > 0) return;
  if (!environment_exits_) {
    // Told once it holds nothing of the system any more.
    loop_.reset();
    const Napi::Env env(env_);
    const Napi::HandleScope scope(env);
    const Sink::Turn turn(env, *sink_);
    CallFunction(env, closed_.Value(), {});
  }
  closed_.Reset();
  sink_.reset();
  loop_.reset();
  Release();
}

void Backend::OnEnvironmentExit() {
  environment_exits_ = true;
  // Nobody has asked for a reset: what was told as sent is sent, as where a process just ends.
  if (!closing_) GiveBack(false);
  if (loop_->ends_at_exit()) lanes_.WaitForThreads();
}

}  // namespace pollout
