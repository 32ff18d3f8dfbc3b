// Backend: its sockets, from open or adopted to closed or detached.
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "adoption.h"
#include "backend.h"
#include "blocking_connect.h"
#include "closing.h"
#include "connect_completion.h"
#include "monotonic_clock.h"
#include "packets.h"
#include "reuse.h"

namespace pollout {

namespace {

// No connect was begun before, or none that could still end well: a 0 is that of a new one.
bool IsNew(const ConnectProgress& connect) noexcept {
  return connect.started_ns == 0 || connect.failed;
}

// For a socket that connect(2) with these times was called on.
void NoteStart(Socket& socket, const SocketAddress& to, int result, std::uint64_t before) noexcept {
  // TCP's 0 for the second call, after the handshake, is the end of the first one.
  if (result == 0 && socket.kind.IsTcp() && !IsNew(socket.connect)) return;
  socket.connect = {};
  socket.connect.started_ns = before;
  socket.connect.port = to.InetPort();
  // Ended within the call; TCP's 0 is no end (connect_completion.cc, TCP_FASTOPEN_CONNECT).
  if (result == 0 && !socket.kind.IsTcp()) socket.connect.ended_ns = MonotonicNs();
}

// EISCONN and EALREADY speak of a connect that stands, or goes on.
bool HasFailed(int result) noexcept {
  return !HasBegun(result) && result != -EISCONN && result != -EALREADY;
}

// UDP to port 0: connect(2) answers 0, and there is no peer. EINVAL, as where a port is checked.
bool IsNobody(SocketKind kind, const SocketAddress& to) noexcept {
  if (kind.type != SOCK_DGRAM || to.get()->sa_family != kind.family) return false;
  return (kind.family == AF_INET || kind.family == AF_INET6) && to.InetPort() == 0;
}

}  // namespace

std::int64_t Backend::Open(SocketKind kind) {
  if (closing_) return -EBADF;
  Recycler::Spare spare;
  if (kind.IsTcp()) spare = recycler_.Take(kind.family);
  const bool recycled = static_cast<bool>(spare.fd);
  UniqueFd fd = recycled ? std::move(spare.fd) : recycler_.NewSocket(kind);
  if (!fd) return -errno;
  const std::int64_t handle = sockets_.Insert(std::move(fd), kind);
  Socket* socket = sockets_.Find(static_cast<std::uint64_t>(handle));
  if (socket == nullptr) return handle;
  socket->recyclable = kind.IsTcp();
  socket->registered = recycled;
  socket->spent = recycled;
  socket->recycled = recycled;
  socket->peer = spare.peer;
  return handle;
}

std::int64_t Backend::Adopt(int fd) {
  if (closing_) return -EBADF;
  SocketKind kind;
  const int refused = CheckAdoptable(fd, &kind);
  if (refused != 0) return refused;
  if (sockets_.Holds(fd) || recycler_.Holds(fd)) return -EEXIST;
  if (sockets_.IsFull()) return -EMFILE;
  const int failed = MakeNonBlocking(fd);
  if (failed != 0) return failed;
  const std::int64_t handle = sockets_.Insert(UniqueFd(fd), kind);
  Socket* socket = sockets_.Find(static_cast<std::uint64_t>(handle));
  socket->recyclable = false;
  socket->may_linger = true;
  return handle;
}

int Backend::Suit(Socket& socket, std::uint64_t handle, const TcpPeer& peer) noexcept {
  if (!socket.recycled || socket.peer == peer) return 0;
  Recycler::Spare other = recycler_.Take(peer);
  // Kept first: its descriptor may be the one that is missing.
  recycler_.Keep({std::move(socket.fd), socket.peer, true});
  if (other.fd) {
    socket.fd = std::move(other.fd);
    socket.peer = peer;
    return 0;
  }
  socket.fd = recycler_.NewSocket(socket.kind);
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

Backend::Claimed Backend::Claim(double handle) noexcept {
  Socket* socket = sockets_.Find(handle);
  if (socket == nullptr) return {nullptr, -EBADF};
  const int failed = Suit(*socket, static_cast<std::uint64_t>(handle), {});
  if (failed != 0) return {nullptr, failed};
  socket->recyclable = false;
  return {socket, 0};
}

int Backend::Bind(double handle, const SocketAddress& at) {
  const auto [socket, failed] = Claim(handle);
  if (failed != 0) return failed;
  return at.Bind(socket->fd.get());
}

int Backend::Connect(double handle, const SocketAddress& to) {
  Socket* socket = sockets_.Find(handle);
  if (socket == nullptr) return -EBADF;
  if (IsNobody(socket->kind, to)) return -EINVAL;
  // An address of another family is nobody's peer: among the spares there may be a socket for it.
  const SocketKind kind = socket->kind;
  const bool fits = kind.IsTcp() && to.get()->sa_family == kind.family;
  const TcpPeer peer = fits ? to.ToTcpPeer() : TcpPeer{};
  const int failed = Suit(*socket, static_cast<std::uint64_t>(handle), peer);
  if (failed != 0) return failed;
  // A second peer would have the first one's sequence numbers.
  if (!peer || (socket->peer && !(socket->peer == peer))) socket->recyclable = false;
  socket->peer = peer;
  // A report of the attempt before says nothing of this one.
  socket->last_events = 0;
  const std::uint64_t before = MonotonicNs();
  const int result = to.Connect(socket->fd.get());
  if (HasBegun(result)) {
    socket->recycled = false;
    const bool is_new = IsNew(socket->connect);
    NoteStart(*socket, to, result, before);
    socket->connect.deferred |= is_new && result == 0;
  } else if (HasFailed(result)) {
    socket->connect.failed = true;
  }
  return result;
}

int Backend::ConnectAndWait(double handle, const SocketAddress& to, double timeout_ms) {
  const auto [socket, failed] = Claim(handle);
  if (failed != 0) return failed;
  if (IsNobody(socket->kind, to)) return -EINVAL;
  const int fd = socket->fd.get();
  socket->last_events = 0;
  const std::uint64_t before = MonotonicNs();
  const std::uint64_t deadline = DeadlineAfter(before, timeout_ms);
  const int result = ConnectBlocking(fd, socket->kind, to, deadline);
  if (!HasBegun(result)) {
    // What came of a handshake is told once, here.
    if (socket->kind.IsTcp() && HasFailed(result)) {
      socket->connect.ended_ns = MonotonicNs();
      socket->connect.failed = true;
      socket->connect.lost = 0;
    }
    return result;
  }
  NoteStart(*socket, to, result, before);
  while (result == 0 || WaitUntilWritable(fd, deadline)) {
    socket->connect.reported_ns = MonotonicNs();
    const int status = Finish(*socket);
    if (status == ConnectStatus::kSelfConnected) return -EADDRNOTAVAIL;
    if (status != ConnectStatus::kPending)
      return status >= ConnectStatus::kLost ? ConnectStatus::kConnected : status;
    if (result == 0) break;
  }
  return -EINPROGRESS;
}

int Backend::Disconnect(double handle) {
  const auto [socket, failed] = Claim(handle);
  if (failed != 0) return failed;
  const int refused = Dissolve(socket->fd.get());
  if (refused != 0) return refused;
  socket->connect = {};
  socket->peer = {};
  return 0;
}

// An end is noted once: by the next report the kernel may have measured other round trips.
int Backend::Finish(Socket& socket) noexcept {
  ConnectEnd end =
      pollout::FinishConnect(socket.fd.get(), socket.kind, socket.last_events, socket.connect);
  socket.failed_here = end.is_own;
  if (end.status == ConnectStatus::kPending || end.status == -ENOTCONN) return end.status;
  // Whoever uses it next is told of a loss, once, however often this is asked; and this answers the
  // same each time.
  if (end.lost_is_news || (end.lost != 0 && socket.connect.ended_ns == 0)) {
    socket.connect.lost = end.lost;
  } else if (end.lost != 0 && socket.connect.lost != 0) {
    end.lost = socket.connect.lost;
  }
  socket.connect.failed = end.status < 0 || end.lost != 0;
  if (end.status < 0 || socket.connect.ended_ns == 0) socket.connect.ended_ns = end.at_ns;
  return end.ForJavaScript();
}

int Backend::FinishConnect(double handle, ConnectTimes* times) {
  Socket* socket = sockets_.Find(handle);
  if (socket == nullptr) return -EBADF;
  const int status = Finish(*socket);
  const ConnectProgress& connect = socket->connect;
  times->started = MsSince(origin_ms_, connect.started_ns);
  // Of a connect that somebody else began, the end alone says nothing.
  times->ended = MsSince(origin_ms_, connect.started_ns == 0 ? 0 : connect.ended_ns);
  return status;
}

int Backend::Register(double handle, double token, std::uint32_t interest) {
  Socket* socket = sockets_.Find(handle);
  if (socket == nullptr) return -EBADF;
  const int failed = Suit(*socket, static_cast<std::uint64_t>(handle), {});
  if (failed != 0) return failed;
  const int result = poller_.Arm(*socket, static_cast<std::uint64_t>(handle), token, interest);
  Settle();
  return result;
}

int Backend::Watch(double handle, double token) {
  const auto [socket, failed] = Claim(handle);
  if (failed != 0) return failed;
  const int result = poller_.Watch(*socket, static_cast<std::uint64_t>(handle), token);
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
  if (reset && delivering_ && !broken_ && recycler_.Renew(*socket)) {
    const TcpPeer peer = socket->peer;
    recycler_.Keep({sockets_.Take(static_cast<std::uint64_t>(handle)), peer, true});
    return;
  }
  poller_.RemoveUnlessMute(*socket);
  PrepareClose(*socket, reset);
  sockets_.Remove(static_cast<std::uint64_t>(handle));
  Settle();
}

int Backend::Detach(double handle) {
  const auto [socket, failed] = Claim(handle);
  if (failed != 0) return failed;
  poller_.Remove(*socket);
  ForgetPackets(*socket);
  const int fd = sockets_.Take(static_cast<std::uint64_t>(handle)).Release();
  Settle();
  return fd;
}

}  // namespace pollout
