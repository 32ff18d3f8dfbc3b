// Packets of SOCK_SEQPACKET, unix(7): an empty one told from the end.
#pragma once

#include <sys/types.h>

#include <cstddef>

#include "socket.h"

namespace pollout {

// recv(2) of one packet, in which a 0 that is the end is noted with the socket.
ssize_t ReceivePacket(Socket& socket, void* into, std::size_t size) noexcept;

// Takes back what ReceivePacket() has set, for whoever has the descriptor next.
void ForgetPackets(const Socket& socket) noexcept;

}  // namespace pollout
