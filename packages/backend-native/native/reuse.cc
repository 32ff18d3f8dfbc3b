// A TCP socket that connects again: what connect(2) with AF_UNSPEC leaves of the connection before.
//
// Of the time of a connect that is reset at once, a quarter to a third goes into making the socket,
// adding it to the epoll set, and closing it. Linux has another way: connect(2) with AF_UNSPEC
// "dissolves the association". For TCP that is the ABORT of RFC 9293 (tcp_disconnect() in
// net/ipv4/tcp.c): RST to the peer where the state needs one, queues and timers emptied, the local
// port given back. What is left is a socket that can connect again, and is in the epoll set
// already. There is no more to it than that: any program could do it, the C one of our bench too,
// and has a row there that does.
//
// Not for any peer, though. A new socket's initial sequence number is a secret of the kernel, a
// keyed hash of both addresses and ports (RFC 6528; RFC 9293, section 3.4.1, has that as a MUST): a
// host that sees none of the packets can forge none that fit. A socket used again goes on counting
// where it stood (tcp_v4_connect() makes a number only where there is none yet, and
// tcp_disconnect() adds the old window and 2). Whoever it was connected to before could tell the
// number of the next connection, and so complete or end one to somebody else with forged packets.
// So a socket goes to the very peer, address and port, that it was connected to last: that one is
// told the number anyway. For a fan-out over many targets there is then nothing to gain, and there
// is nothing to lose where only a peer that was met before is counted on.
//
// What tcp_disconnect() leaves, and what becomes of it:
//
// - SO_ERROR: it sets ECONNRESET itself, and behind that there may be a soft error, an ICMP message
//   that was no reason to give up. A getsockopt(2) takes one of the two. So it is read until it is
//   zero, or the next connection would be told of the last one's trouble.
//
// - The error queue, where an ICMP error in SYN_SENT leaves its copy (connect_completion.cc): it
//   would raise EPOLLERR for good. It is emptied; first, as taking an entry off may set SO_ERROR.
//
// - The place in the epoll set. Where a report has been taken, EPOLLONESHOT has disarmed it: no
//   report comes from then on until EPOLL_CTL_MOD, which brings the new name along
//   (ep_poll_callback() in fs/eventpoll.c). Nor is anything stored that could come late: an epoll
//   set keeps no events but a list of whom to ask, and asks in epoll_wait(2).
//
// - Packets and ICMP errors of the old connection that are still on their way find nobody, as they
//   are looked up by both addresses and ports. One that another CPU had just looked up meets the
//   new connection's sequence numbers, which lie beyond all that the old one used: that is what the
//   kernel goes on counting for.
//
// - The old local port, in getsockname(2) only: it is free, and connect(2) picks another.
//
// - What TCP has learnt of the path: the size of the send buffer, the least round trip in TCP_INFO.
//   It is the same peer's path.
//
// - Socket options, a bound address, IPv6's zone (connect(2) binds the socket to the interface) and
//   IPv4 behind an IPv6 socket (it changes the socket's kind). Nothing undoes those: such a socket
//   is to be closed, and ToTcpPeer() knows no peer for the latter two. So is one that was sent or
//   received on, as its buffers have grown.
#include "reuse.h"

#include <sys/socket.h>

#include <cerrno>

#include "error_queue.h"

namespace pollout {

namespace {

// tcp_disconnect()'s error, a soft one, and the zero that ends them.
constexpr int kErrorReads = 3;

bool DrainSocketError(int fd) noexcept {
  for (int reads = 0; reads < kErrorReads; ++reads) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return false;
    if (error == 0) return true;
  }
  return false;
}

}  // namespace

int Dissolve(int fd) noexcept {
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  return ::connect(fd, &nobody, sizeof(nobody)) == 0 ? 0 : -errno;
}

bool MakeReusable(int fd, bool drain) noexcept {
  if (Dissolve(fd) != 0) return false;
  if (drain) DrainErrorQueue(fd);
  return DrainSocketError(fd);
}

}  // namespace pollout
