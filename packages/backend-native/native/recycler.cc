// Recycler: TCP sockets whose connection is over, kept for the rest of a loop turn for the next
// connect to the same peer.
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
// So a spare goes to the very peer, address and port, that it was connected to last: that one is
// told the number anyway. For a fan-out over many targets there is then nothing to gain, and
// IsRecurring() sees to it that there is nothing to lose.
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
// - The place in the epoll set. Only a socket whose report has been taken is recycled (`spent`), so
//   EPOLLONESHOT has disarmed it: nothing can be reported from then on until Arm(), which brings
//   the new handle along (ep_poll_callback() in fs/eventpoll.c). Nor is anything stored that could
//   come late: an epoll set keeps no events but a list of whom to ask, and asks in epoll_wait(2).
//
// - Packets and ICMP errors of the old connection that are still on their way find nobody, as they
//   are looked up by both addresses and ports. One that another CPU had just looked up meets the
//   new connection's sequence numbers, which lie beyond all that the old one used: that is what the
//   kernel goes on counting for.
//
// - The old local port, in getsockname(2) only: it is free, and connect(2) picks another. A socket
//   that has not connected again has no local address as far as we tell (`recycled`).
//
// - What TCP has learnt of the path: the size of the send buffer, the least round trip in TCP_INFO.
//   It is the same peer's path.
//
// - Socket options, a bound address, IPv6's zone (connect(2) binds the socket to the interface) and
//   IPv4 behind an IPv6 socket (it changes the socket's kind). Nothing undoes those: such a socket
//   is closed. So is one that was sent or received on, as its buffers have grown. `recyclable` and
//   `TcpPeer` tell.
//
// Only what is closed from inside the sink comes here, where a successor is likely and near. From
// elsewhere close() gives the descriptor back before it returns, and so it does inside the sink for
// a pending attempt that is cancelled, as that has not reported. Successors start inside the sink
// or in the check phase of the same turn. What is left by the prepare phase is closed there: it
// comes before the loop may sleep, so no spare outlives the turn. The prepare handle keeps nothing
// alive, and runs only in turns that had a spare.
#include "recycler.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <utility>

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

// FNV-1a: spreads the ports and addresses that come, and need not withstand those that are sent.
std::uint32_t HashOf(const TcpPeer& peer) noexcept {
  std::uint32_t hash = 2166136261U ^ peer.port;
  for (const std::uint8_t byte : peer.address) hash = (hash ^ byte) * 16777619U;
  return hash ^ (hash >> 16U);
}

}  // namespace

void Recycler::Open(uv_loop_t* loop) noexcept {
  // Cannot fail, nor can starting and stopping it.
  uv_prepare_init(loop, &prepare_);
  prepare_.data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(&prepare_));
}

bool Recycler::Disconnect(const Socket& socket) noexcept {
  if (!socket.recyclable || !socket.peer || !socket.spent) return false;
  if (!IsRecurring(socket.peer) || spares_.size() == kMaxSpares) return false;
  const int fd = socket.fd.get();
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  if (::connect(fd, &nobody, sizeof(nobody)) != 0) return false;
  if (!IsErrorQueueEmpty(socket.last_events)) DrainErrorQueue(fd);
  return DrainSocketError(fd);
}

void Recycler::Keep(UniqueFd fd, const TcpPeer& peer) {
  if (spares_.size() == kMaxSpares) return;
  spares_.push_back({std::move(fd), peer});
  // Does nothing where it runs already.
  uv_prepare_start(&prepare_, [](uv_prepare_t* handle) {
    uv_prepare_stop(handle);
    static_cast<Recycler*>(handle->data)->Clear();
  });
}

Recycler::Spare Recycler::Take(sa_family_t family) noexcept {
  for (std::size_t index = spares_.size(); index-- > 0;) {
    if (spares_[index].peer.family != family) continue;
    Spare spare = std::move(spares_[index]);
    spares_.erase(spares_.begin() + static_cast<std::ptrdiff_t>(index));
    return spare;
  }
  return {};
}

bool Recycler::Exchange(Spare& spare, const TcpPeer& peer) noexcept {
  for (Spare& other : spares_) {
    if (!(other.peer == peer)) continue;
    std::swap(other, spare);
    return true;
  }
  return false;
}

bool Recycler::IsRecurring(const TcpPeer& peer) noexcept {
  TcpPeer& place = recent_[HashOf(peer) % kRecentPeers];
  return std::exchange(place, peer) == peer;
}

bool Recycler::Holds(int fd) const noexcept {
  return std::any_of(spares_.begin(), spares_.end(),
                     [fd](const Spare& spare) { return spare.fd.get() == fd; });
}

void Recycler::Close() noexcept {
  Clear();
  uv_close(reinterpret_cast<uv_handle_t*>(&prepare_),
           [](uv_handle_t* handle) { static_cast<Recycler*>(handle->data)->owner_.OnClosed(); });
}

}  // namespace pollout
