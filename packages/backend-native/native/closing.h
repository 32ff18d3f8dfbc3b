// How a socket goes: what has to be set before close(2).
#pragma once

#include "slab.h"

namespace pollout {

// Has close(2) send RST instead of FIN, where the protocol has one and `reset` says so; and never
// wait, whatever SO_LINGER was set to.
void PrepareClose(const Socket& socket, bool reset) noexcept;

}  // namespace pollout
