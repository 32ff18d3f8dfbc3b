// Descriptors from elsewhere: asked what they are, socket(7), before anything is changed.
#include "adoption.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace pollout {

namespace {

int Ask(int fd, int option, int* answer) noexcept {
  socklen_t size = sizeof(*answer);
  return ::getsockopt(fd, SOL_SOCKET, option, answer, &size) == 0 ? 0 : -errno;
}

// The protocols that the rest of the addon is written for. Ping sockets are SOCK_DGRAM too, SCTP
// and MPTCP are SOCK_STREAM.
bool IsKnown(int family, int type, int protocol) noexcept {
  switch (family) {
    case AF_INET:
    case AF_INET6:
      return (type == SOCK_STREAM && protocol == IPPROTO_TCP) ||
             (type == SOCK_DGRAM && protocol == IPPROTO_UDP);
    case AF_UNIX:
      return type == SOCK_STREAM || type == SOCK_DGRAM || type == SOCK_SEQPACKET;
    default:
      return type == SOCK_STREAM || type == SOCK_SEQPACKET;
  }
}

}  // namespace

int CheckAdoptable(int fd, SocketKind* kind) noexcept {
  int family = 0;
  int type = 0;
  int protocol = 0;
  int listens = 0;
  int failed = Ask(fd, SO_TYPE, &type);
  if (failed == 0) failed = Ask(fd, SO_DOMAIN, &family);
  if (failed == 0) failed = Ask(fd, SO_PROTOCOL, &protocol);
  if (failed == 0) failed = Ask(fd, SO_ACCEPTCONN, &listens);
  if (failed != 0) return failed;
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX && family != AF_VSOCK) {
    return -EAFNOSUPPORT;
  }
  if (!IsKnown(family, type, protocol)) return -EPROTONOSUPPORT;
  if (listens != 0) return -EINVAL;
  kind->family = static_cast<sa_family_t>(family);
  kind->type = static_cast<std::uint16_t>(type);
  return 0;
}

int MakeNonBlocking(int fd) noexcept {
  const int status = ::fcntl(fd, F_GETFL);
  if (status < 0 || ::fcntl(fd, F_SETFL, status | O_NONBLOCK) != 0) return -errno;
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) return 0;
  const int error = errno;
  ::fcntl(fd, F_SETFL, status);
  return -error;
}

}  // namespace pollout
