// The error queue of a TCP socket: ip(7), IP_RECVERR.
#pragma once

#include <cstdint>

namespace pollout {

// Whether it surely is empty, by what epoll reported last. OUT says that the handshake was through,
// and no ERR that the queue was empty. Once connected, ICMP errors enter it only on sockets that
// asked for them with IP_RECVERR, and none here did; so it still is.
bool IsErrorQueueEmpty(std::uint32_t events) noexcept;

// Not for Unix sockets, which have none and would take MSG_ERRQUEUE for an ordinary read.
void DrainErrorQueue(int fd) noexcept;

}  // namespace pollout
