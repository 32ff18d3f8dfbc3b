// The completion rule: has a non-blocking connect ended, and how?
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
// 2. getpeername(2), because it is the proof: the kernel answers it from the connection's state,
//    and has a peer only once the handshake is through. It still succeeds after the peer's FIN,
//    rightly: a connection that was accepted and closed again before anyone looked was a success.
//
//    It also unmasks the self-connect. A connect to a local port that nobody listens on, with the
//    same port picked as the ephemeral one, meets its own SYN; TCP's simultaneous open then
//    connects the socket to itself (RFC 9293, section 3.5). Nobody is there, so it is no success.
//
// 3. TCP_INFO (tcp(7)), because ENOTCONN has two meanings. In SYN_SENT the handshake is still on
//    and the readiness was spurious: empty the error queue, the cause, so that it doesn't wake us
//    again, and wait on. In any other state it is over, and the reason is lost to another reader:
//    ECONNRESET, the nearest thing that is true.
//
// Calling connect() again instead, to be told EISCONN or EALREADY, is not a way out: after a
// refusal it silently starts a new attempt.
#include "connect_completion.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>

#include "error_queue.h"
#include "socket_address.h"

namespace pollout {

namespace {

int TakeSocketError(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

bool IsHandshaking(int fd) noexcept {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  return info.tcpi_state == TCP_SYN_SENT;
}

}  // namespace

int FinishConnect(int fd, sa_family_t family, std::uint32_t events) noexcept {
  const int error = TakeSocketError(fd);
  if (error != 0 && error != EINPROGRESS && error != EALREADY && error != EINTR) return -error;

  SocketAddress peer;
  const int no_peer = peer.SetPeerOf(fd);
  if (no_peer != 0 && no_peer != -ENOTCONN) return no_peer;
  if (family == AF_UNIX) return no_peer == 0 ? kConnected : -ECONNRESET;

  if (no_peer != 0) {
    if (!IsHandshaking(fd)) return -ECONNRESET;
    DrainErrorQueue(fd);
    return kPending;
  }

  SocketAddress local;
  if (local.SetLocalOf(fd) == 0 && local.IsSameInet(peer)) return kSelfConnected;

  // The common case is spared a system call.
  if (!IsErrorQueueEmpty(events)) DrainErrorQueue(fd);
  return kConnected;
}

}  // namespace pollout
