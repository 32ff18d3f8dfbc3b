// Socket: an open socket: its descriptor, its kind, and what was done with it.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "tcp_peer.h"
#include "unique_fd.h"

namespace pollout {

// What socket(2) was told.
struct SocketKind {
  sa_family_t family = AF_UNSPEC;
  std::uint16_t type = 0;

  bool IsTcp() const noexcept {
    return type == SOCK_STREAM && (family == AF_INET || family == AF_INET6);
  }
  bool IsUnixPacket() const noexcept { return type == SOCK_SEQPACKET && family == AF_UNIX; }
};

// How far the connect of a socket has come; times as MonotonicNs() counts them, 0 where not known.
struct ConnectProgress {
  // Right before connect(2).
  std::uint64_t started_ns = 0;
  // When epoll_wait(2) had last reported the socket.
  std::uint64_t reported_ns = 0;
  // When it ended; 0 until then.
  std::uint64_t ended_ns = 0;
  // It ended without a connection, or with one that was lost.
  bool failed = false;
  // TCP_FASTOPEN_CONNECT: the SYN is sent later than that, with the first data.
  bool deferred = false;
  // Of the peer, in network byte order.
  in_port_t port = 0;
  // The errno by which the connection was lost before it was looked at, for whoever uses it first;
  // 0 where there is none.
  int lost = 0;
};

struct Socket {
  UniqueFd fd;
  std::uint32_t generation = 0;
  std::uint32_t next_free = 0;
  // What epoll reported last, as epoll_wait(2) gave it.
  std::uint32_t last_events = 0;
  SocketKind kind;
  // In the epoll set, armed or spent.
  bool registered = false;
  // Registered and owed an event: the token is the registration's.
  bool armed = false;
  // Registered, and its one event taken: the kernel reports nothing until it is armed anew.
  bool spent = false;
  // Registered for reading, and not one shot: the kernel reports it for as long as it is readable.
  bool standing = false;
  // Nothing was done to it that connect(2) with AF_UNSPEC would not undo. Whoever sets a socket
  // option, binds it or moves data says false here.
  bool recyclable = true;
  // SO_LINGER may be on: by our own setsockopt(2), or by somebody else's before it was adopted.
  bool may_linger = false;
  // Came from the recycler and has not connected since.
  bool recycled = false;
  // Of the errno that was told last of it: a call itself said it, and it was not the socket's
  // error.
  bool failed_here = false;
  // Of SOCK_SEQPACKET (packets.cc): SO_TIMESTAMP is set, and the last 0 that was received was the
  // end.
  bool stamped = false;
  bool ended = false;
  // Whom it was connected to last; none too where an address has left its mark on the socket.
  TcpPeer peer;
  ConnectProgress connect;
  double token = 0;
};

}  // namespace pollout
