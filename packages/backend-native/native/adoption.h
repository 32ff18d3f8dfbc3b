// Descriptors from elsewhere: whether they can be a backend's, and making them so.
#pragma once

#include "socket.h"

namespace pollout {

// 0 and what it is, or a negated errno. Nothing is changed.
int CheckAdoptable(int fd, SocketKind* kind) noexcept;

// Close-on-exec too. 0, or a negated errno with everything as it was.
int MakeNonBlocking(int fd) noexcept;

}  // namespace pollout
