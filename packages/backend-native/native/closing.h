// How a socket goes: what has to be set before close(2).
#pragma once

#include "socket.h"

namespace pollout {

// Has close(2) send RST instead of FIN, where the protocol has one and `reset` says so; and never
// wait, whatever SO_LINGER was set to, which `may_linger` says it may have been.
void PrepareClose(int fd, SocketKind kind, bool may_linger, bool reset) noexcept;

// For a socket that its owner has not closed: what TCP has received and nobody has read would make
// close(2) send RST, and the kernel forget what it has yet to send.
void DiscardReceived(const Socket& socket) noexcept;

inline void PrepareClose(const Socket& socket, bool reset) noexcept {
  PrepareClose(socket.fd.get(), socket.kind, socket.may_linger, reset);
}

}  // namespace pollout
