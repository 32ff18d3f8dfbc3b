// Backend: registration and delivery, closing and teardown.
#include "backend.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace pollout {

namespace {

// RST instead of FIN: socket(7), SO_LINGER; tcp(7).
void SetAbortiveClose(int fd) noexcept {
  linger at_once{};
  at_once.l_onoff = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

}  // namespace

Backend::Backend(Napi::Env env, Napi::Function ready, Napi::Function broken)
    : env_(env),
      poller_(*this, sockets_),
      recycler_(*this),
      sink_(std::in_place, env, ready, broken) {}

Backend* Backend::Create(Napi::Env env, Napi::Function ready, Napi::Function broken) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) {
    Napi::Error::New(env, "this environment has no event loop").ThrowAsJavaScriptException();
    return nullptr;
  }
  auto* backend = new Backend(env, ready, broken);
  const char* call = nullptr;
  const int failed = backend->poller_.Open(loop, &call);
  if (failed != 0) {
    SystemError(env, failed, call).ThrowAsJavaScriptException();
    delete backend;
    return nullptr;
  }
  backend->recycler_.Open(loop);
  napi_add_async_cleanup_hook(env, &Backend::OnEnvironmentExit, backend, &backend->cleanup_hook_);
  return backend;
}

void Backend::Release() noexcept {
  if (--owners_ == 0) delete this;
}

std::int64_t Backend::Open(sa_family_t family) {
  if (closing_) return -EBADF;
  Recycler::Spare spare = recycler_.Take(family);
  if (!spare.fd) {
    UniqueFd fd = NewSocket(family);
    return fd ? sockets_.Insert(std::move(fd), family) : -errno;
  }
  const std::int64_t handle = sockets_.Insert(std::move(spare.fd), family);
  Socket* socket = sockets_.Find(static_cast<std::uint64_t>(handle));
  if (socket == nullptr) return handle;
  socket->registered = true;
  socket->spent = true;
  socket->recycled = true;
  socket->peer = spare.peer;
  return handle;
}

// Nobody is told that there are no descriptors left while spares hold some.
UniqueFd Backend::NewSocket(sa_family_t family) noexcept {
  constexpr int kType = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  UniqueFd fd(::socket(family, kType, 0));
  if (fd || (errno != EMFILE && errno != ENFILE) || recycler_.empty()) return fd;
  recycler_.Clear();
  return UniqueFd(::socket(family, kType, 0));
}

int Backend::Suit(Socket& socket, std::uint64_t handle, const TcpPeer& peer) noexcept {
  if (socket.peer == peer) return 0;
  Recycler::Spare spare{std::move(socket.fd), socket.peer};
  if (recycler_.Exchange(spare, peer)) {
    socket.fd = std::move(spare.fd);
    socket.peer = peer;
    return 0;
  }
  // Kept first: its descriptor may be the one that is missing.
  recycler_.Keep(std::move(spare.fd), spare.peer);
  socket.fd = NewSocket(socket.family);
  if (!socket.fd) {
    const int error = errno;
    sockets_.Vacate(handle);
    return -error;
  }
  socket.registered = false;
  socket.spent = false;
  socket.recycled = false;
  socket.peer = {};
  return 0;
}

int Backend::Connect(double handle, const SocketAddress& to) {
  Socket* socket = sockets_.Find(handle);
  if (socket == nullptr) return -EBADF;
  const TcpPeer peer = to.ToTcpPeer();
  if (socket->recycled) {
    const int failed = Suit(*socket, static_cast<std::uint64_t>(handle), peer);
    if (failed != 0) return failed;
  }
  // A second peer would have the first one's sequence numbers.
  if (peer.family != socket->family || (socket->peer && !(socket->peer == peer))) {
    socket->recyclable = false;
  }
  socket->peer = peer;
  // A report of the attempt before says nothing of this one.
  socket->last_events = 0;
  const int result = ::connect(socket->fd.get(), to.get(), to.size()) == 0 ? 0 : -errno;
  if (result == 0 || result == -EINPROGRESS || result == -EINTR) socket->recycled = false;
  return result;
}

int Backend::Register(double handle, double token, std::uint32_t interest) {
  Socket* socket = sockets_.Find(handle);
  if (socket == nullptr) return -EBADF;
  if (socket->recycled) {
    // Registered before it connects: to whom cannot be told, so it has to be a new one.
    const int failed = Suit(*socket, static_cast<std::uint64_t>(handle), {});
    if (failed != 0) return failed;
  }
  const int result = poller_.Arm(*socket, static_cast<std::uint64_t>(handle), token, interest);
  Settle();
  return result;
}

void Backend::Deregister(double handle) {
  Socket* socket = sockets_.Find(handle);
  if (socket == nullptr) return;
  poller_.Disarm(*socket);
  Settle();
}

void Backend::Close(double handle, bool reset) {
  Socket* socket = sockets_.Find(handle);
  if (socket == nullptr) return;
  if (reset && delivering_ && !broken_ && recycler_.Disconnect(*socket)) {
    const TcpPeer peer = socket->peer;
    recycler_.Keep(sockets_.Take(static_cast<std::uint64_t>(handle)), peer);
    return;
  }
  poller_.Forget(*socket);
  if (reset && socket->family != AF_UNIX) SetAbortiveClose(socket->fd.get());
  sockets_.Remove(static_cast<std::uint64_t>(handle));
  Settle();
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
  // A registration reports once, so this many batches are due at most. The limit matters where the
  // sink arms anew what is always ready.
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

void Backend::Destroy(Napi::Function closed) {
  if (closing_) return;
  closed_ = Napi::Persistent(closed);
  GiveBack();
}

void Backend::GiveBack() {
  closing_ = true;
  sockets_.ForEach([this](Socket& socket, std::uint64_t handle) {
    poller_.Forget(socket);
    if (socket.family != AF_UNIX) SetAbortiveClose(socket.fd.get());
    sockets_.Remove(handle);
  });
  sink_->Hold(false);
  recycler_.Close();
  poller_.Close();
}

void Backend::OnClosed() {
  if (--loop_handles_ > 0) return;
  if (!environment_exits_) {
    const Napi::Env env(env_);
    const Napi::HandleScope scope(env);
    const Sink::Turn turn(env, *sink_);
    CallFunction(env, closed_.Value(), {});
  }
  closed_.Reset();
  sink_.reset();
  // Also tells an exiting environment that it need wait no longer.
  napi_remove_async_cleanup_hook(cleanup_hook_);
  Release();
}

void Backend::OnEnvironmentExit(napi_async_cleanup_hook_handle /*hook*/, void* data) {
  auto* backend = static_cast<Backend*>(data);
  backend->environment_exits_ = true;
  if (!backend->closing_) backend->GiveBack();
}

}  // namespace pollout
