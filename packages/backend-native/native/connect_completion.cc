// The completion rule: has a connect ended, how, and when?
//
// connect(2) says: wait for writability, then read SO_ERROR; zero is success. That is the right
// first question and, taken alone, the wrong answer in four situations on Linux. Hence three.
//
// 1. SO_ERROR, because it alone carries the reason. It is read-once: the getsockopt(2) that reports
//    an error also clears it. So exactly one owner reads it, here, once per readiness.
//
//    Zero does not prove success. A socket that was never connected polls OUT|HUP with SO_ERROR 0,
//    and so does a Unix socket whose connect() was turned away with EAGAIN. An error that someone
//    else has read is zero the second time. And an ICMP error in SYN_SENT leaves its copy in the
//    socket's error queue, for which tcp_poll() raises POLLERR for ever, with SO_ERROR 0.
//
//    A TCP socket that was reported writable and without EPOLLERR had none: tcp_poll() raises that
//    for an error. So the connect that succeeds is not asked, unless one has come since.
//
// 2. The peer, because it is the proof: the kernel answers getpeername(2) from the connection's
//    state, and has a peer only once the handshake is through. It still succeeds after the peer's
//    FIN, rightly: a connection that was accepted and closed again before anyone looked was a
//    success. For TCP the state itself is asked, by TCP_INFO (tcp(7)), on which inet_getname()
//    rests its answer: a peer in any state but CLOSE, LISTEN and SYN_SENT. It tells more for the
//    same price:
//
//    - SYN_SENT is the other meaning of ENOTCONN: the handshake is still on and the readiness was
//      spurious. Empty the error queue, the cause, so that it doesn't wake us again, and wait on.
//      Without a peer in any other state the connect is over, and the reason is lost to another
//      reader: ECONNRESET, the nearest thing that is true. Unless none was begun here: ENOTCONN.
//    - SYN_SENT with nothing sent, so nothing unacknowledged, is TCP_FASTOPEN_CONNECT: connect()
//      has succeeded, the socket is writable, and the SYN goes out with the first data. To wait
//      would be to wait for ever. Nobody has answered yet, so when the handshake ended is not
//      known.
//    - SYN_RECV, half of a simultaneous open, is no peer yet: only a server's fast open is
//      writable.
//
// 3. The local port where it is the peer's, because of the self-connect. A connect to a local port
//    that nobody listens on, with the same port picked as the ephemeral one, meets its own SYN;
//    TCP's simultaneous open then connects the socket to itself (RFC 9293, section 3.5). Nobody is
//    there, so it is no success. Addresses are compared as the kernel has them: a connect to
//    0.0.0.0 or :: has reached loopback by then.
//
// When: readiness is found when the loop gets to it, and behind a burst of connects that is late.
// But TCP_INFO has the kernel's own measurement from SYN to SYN-ACK, the round trip, as long as
// nothing else was measured: so connect(2)'s time and that much is when the handshake ended. Where
// the SYN had to be sent again the measurement, if there is one, starts at the last of them (Karn,
// RFC 6298), and the time of the report is the best there is.
//
// A connection that was lost before anybody looked was one: the port is open. RST in SYN_SENT is
// ECONNREFUSED, in any later state ECONNRESET, or EPIPE after a FIN; but a disconnect in SYN_SENT
// is ECONNRESET too. What tells them apart is whether our SYN was ever acknowledged. The caller
// keeps the error that was read here for whoever reads or sends next.
//
// Calling connect() again instead, to be told EISCONN or EALREADY, is not a way out: after a
// refusal it silently starts a new attempt.
#include "connect_completion.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "error_queue.h"
#include "monotonic_clock.h"
#include "socket_address.h"

namespace pollout {

namespace {

// `tcpi_bytes_acked` of linux/tcp.h, which the C library's own header does not reach to: data, and
// the SYN.
constexpr std::size_t kBytesAckedAt = 120;
constexpr std::size_t kTcpInfoSize = 128;
static_assert(sizeof(tcp_info) <= kTcpInfoSize);
constexpr std::size_t kUnackedEnd = offsetof(tcp_info, tcpi_unacked) + sizeof(std::uint32_t);

struct SocketError {
  // Positive; 0 for none.
  int number;
  // Of the call that was to tell it.
  bool is_own;

  explicit operator bool() const noexcept { return number != 0; }
  ConnectEnd At(std::uint64_t ns) const noexcept { return {-number, ns, is_own}; }
};

SocketError TakeSocketError(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return {errno, true};
  return {error, false};
}

bool IsSilent(int fd) noexcept {
  pollfd waiting{};
  waiting.fd = fd;
  waiting.events = POLLOUT;
  return ::poll(&waiting, 1, 0) == 0;
}

bool IsConnectedToItself(int fd, in_port_t peer_port) noexcept {
  SocketAddress local;
  if (local.SetLocalOf(fd) != 0) return false;
  if (peer_port != 0 && local.InetPort() != peer_port) return false;
  SocketAddress peer;
  return peer.SetPeerOf(fd) == 0 && local.IsSameInet(peer);
}

// `reported` unless the kernel knows better.
std::uint64_t HandshakeEnd(const ConnectProgress& connect, const tcp_info& info,
                           std::uint64_t reported) noexcept {
  const bool measured = info.tcpi_rtt != 0 && info.tcpi_total_retrans == 0;
  if (!measured || connect.started_ns == 0 || connect.deferred) return reported;
  return std::min(reported, connect.started_ns + (info.tcpi_rtt * kNsPerUs));
}

// What SO_ERROR says that is an end, if it says any.
SocketError TakeFailure(int fd) noexcept {
  const SocketError error = TakeSocketError(fd);
  const int number = error.number;
  if (number == EINPROGRESS || number == EALREADY || number == EINTR) return {};
  return error;
}

// Of a TCP socket that has no peer, or none any more, by what SO_ERROR said of it.
ConnectEnd Failed(int fd, SocketError failure, const ConnectProgress& progress,
                  std::uint64_t at_ns) noexcept {
  const int number = failure.number;
  const bool may_be_lost = number == ECONNRESET || number == EPIPE || number == ECONNABORTED;
  if (!may_be_lost || failure.is_own) return failure.At(at_ns);
  std::array<std::uint8_t, kTcpInfoSize> bytes{};
  socklen_t size = bytes.size();
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, bytes.data(), &size) != 0) return failure.At(at_ns);
  std::uint64_t acked = 0;
  if (size >= kBytesAckedAt + sizeof(acked)) {
    std::memcpy(&acked, bytes.data() + kBytesAckedAt, sizeof(acked));
  }
  if (acked == 0) return failure.At(at_ns);
  tcp_info info{};
  std::memcpy(&info, bytes.data(), sizeof(info));
  return {ConnectStatus::kConnected, HandshakeEnd(progress, info, at_ns), false, number, true};
}

// For a socket without a peer and without an error: somebody else has read it, or nobody has begun
// to connect it, for all that is known here.
int WithoutReason(const ConnectProgress& progress) noexcept {
  const bool was_connecting = progress.started_ns != 0 || progress.ended_ns != 0;
  return was_connecting ? -ECONNRESET : -ENOTCONN;
}

// The same of one that is closed by its state.
ConnectEnd Closed(int fd, SocketError failure, const ConnectProgress& progress,
                  std::uint64_t at_ns) noexcept {
  if (failure) return Failed(fd, failure, progress, at_ns);
  ConnectEnd end = Failed(fd, SocketError{ECONNRESET, false}, progress, at_ns);
  end.lost_is_news = false;
  return end.status < 0 ? ConnectEnd{WithoutReason(progress), at_ns} : end;
}

// Of a socket that has one.
ConnectEnd Established(int fd, const tcp_info& info, const ConnectProgress& progress,
                       std::uint64_t at_ns) noexcept {
  if (IsConnectedToItself(fd, progress.port)) return {ConnectStatus::kSelfConnected, at_ns};
  return {ConnectStatus::kConnected, HandshakeEnd(progress, info, at_ns)};
}

ConnectEnd FinishTcp(int fd, std::uint32_t events, const ConnectProgress& progress,
                     std::uint64_t reported) noexcept {
  const bool clean = IsErrorQueueEmpty(events);
  const SocketError failure = clean ? SocketError{} : TakeFailure(fd);
  if (failure) return Failed(fd, failure, progress, reported);
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {-errno, reported, true};
  switch (info.tcpi_state) {
    case TCP_CLOSE:
    case TCP_LISTEN:
      return Closed(fd, clean ? TakeFailure(fd) : SocketError{}, progress, reported);
    case TCP_SYN_SENT:
      // As long as no SYN has gone out: TCP_FASTOPEN_CONNECT. An emulator of the kernel may cut the
      // answer short of that.
      if (size >= kUnackedEnd && info.tcpi_unacked == 0) return {ConnectStatus::kConnected, 0};
      DrainErrorQueue(fd);
      return {ConnectStatus::kPending, 0};
    case TCP_SYN_RECV:
      if ((events & EPOLLOUT) == 0) {
        DrainErrorQueue(fd);
        return {ConnectStatus::kPending, 0};
      }
      break;
    default:
      break;
  }
  const ConnectEnd end = Established(fd, info, progress, reported);
  if (!clean && end.status == ConnectStatus::kConnected) DrainErrorQueue(fd);
  return end;
}

}  // namespace

// On loopback the handshake is over when connect(2) returns, and TCP_INFO tells that for the price
// of poll(2), and the round trip with it. No ICMP error is looked for: it would have had to come,
// and the SYN-ACK too, within the call.
ConnectEnd FinishTcpAtOnce(int fd, const ConnectProgress& progress, bool may_fail) noexcept {
  const std::uint64_t now = MonotonicNs();
  const SocketError failure = may_fail ? TakeFailure(fd) : SocketError{};
  if (failure) return Failed(fd, failure, progress, now);
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {-errno, now, true};
  switch (info.tcpi_state) {
    case TCP_SYN_SENT:
    case TCP_SYN_RECV:
      return {ConnectStatus::kPending, 0};
    case TCP_CLOSE:
      return Closed(fd, TakeFailure(fd), progress, now);
    default:
      return Established(fd, info, progress, now);
  }
}

ConnectEnd FinishConnect(int fd, SocketKind kind, std::uint32_t events,
                         const ConnectProgress& progress) noexcept {
  const std::uint64_t reported = progress.reported_ns != 0 ? progress.reported_ns : MonotonicNs();
  if (kind.IsTcp()) return FinishTcp(fd, events, progress, reported);
  const SocketError failure = TakeFailure(fd);
  if (failure) return failure.At(reported);

  SocketAddress peer;
  const int no_peer = peer.SetPeerOf(fd);
  if (no_peer == 0) return {ConnectStatus::kConnected, reported};
  if (no_peer != -ENOTCONN) return {no_peer, reported, true};
  // Of the others only a vsock can be under way; it is silent then, and no spurious readiness
  // known.
  if (kind.family == AF_VSOCK && IsSilent(fd)) return {ConnectStatus::kPending, 0};
  return {WithoutReason(progress), reported};
}

}  // namespace pollout
