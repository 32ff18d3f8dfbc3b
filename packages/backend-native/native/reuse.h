// A TCP socket that connects again, to the peer that it was connected to last. A saving of system
// calls, and nothing else: see reuse.cc.
#pragma once

namespace pollout {

// connect(2) with AF_UNSPEC: to nobody. 0, or a negated errno.
int Dissolve(int fd) noexcept;

// Resets the connection and makes the socket as good as new. False: it is to be closed. `drain`:
// something may be in its error queue.
bool MakeReusable(int fd, bool drain) noexcept;

}  // namespace pollout
