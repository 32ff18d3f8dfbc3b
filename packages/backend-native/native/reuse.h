// A TCP socket that connects again, to the peer that it was connected to last. A saving of system
// calls, and nothing else: see reuse.cc.
#pragma once

#include <cstddef>

#include "tcp_peer.h"

namespace pollout {

// Resets the connection and makes the socket as good as new. False: it is to be closed. `drain`:
// something may be in its error queue.
bool MakeReusable(int fd, bool drain) noexcept;

// Where that peer, and others, belong in a table of so many places.
std::size_t PlaceOf(const TcpPeer& peer, std::size_t places) noexcept;

}  // namespace pollout
