// A connect that waits: connect(2) on a blocking socket, for a bounded time.
#pragma once

#include <cstdint>

#include "socket.h"
#include "socket_address.h"

namespace pollout {

// Deadlines are as DeadlineAfter() counts them.

// What connect(2) answers, 0 or a negated errno, when the connect has ended or the time is over.
// -EINPROGRESS: it goes on, be the time over or not. 0 is not the last word either: how it ended is
// for the completion rule to say. The socket is as non-blocking afterwards as it was.
int ConnectBlocking(int fd, SocketKind kind, const SocketAddress& to,
                    std::uint64_t deadline_ns) noexcept;

// Waits, signals or not, until the socket is writable or has failed: false when the time is over.
bool WaitUntilWritable(int fd, std::uint64_t deadline_ns) noexcept;

}  // namespace pollout
