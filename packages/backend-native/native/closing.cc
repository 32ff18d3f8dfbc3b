// How a socket goes: SO_LINGER before close(2), socket(7).
//
// On, with zero seconds, it makes close(2) the ABORT of TCP. On, with more, it makes close(2) wait
// that long for the peer to acknowledge what was sent, on a non-blocking socket too: a loop would
// stand still. That wait is all it does on Linux. The kernel goes on sending afterwards, as it does
// without the option, so switched off it is missed by nobody.
#include "closing.h"

#include <sys/socket.h>

#include <cstddef>

namespace pollout {

namespace {

void SetLinger(int fd, bool on) noexcept {
  linger at_once{};
  at_once.l_onoff = on ? 1 : 0;
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

}  // namespace

void PrepareClose(int fd, SocketKind kind, bool may_linger, bool reset) noexcept {
  if (reset && kind.IsTcp()) {
    SetLinger(fd, true);
    return;
  }
  if (!may_linger) return;
  linger time{};
  socklen_t size = sizeof(time);
  const int failed = ::getsockopt(fd, SOL_SOCKET, SO_LINGER, &time, &size);
  if (failed == 0 && time.l_onoff != 0 && time.l_linger != 0) SetLinger(fd, false);
}

void DiscardReceived(const Socket& socket) noexcept {
  if (!socket.kind.IsTcp()) return;
  // As much as a peer that sends on and on may add meanwhile.
  constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  // With MSG_TRUNC nothing is copied: tcp(7).
  constexpr int kFlags = MSG_TRUNC | MSG_DONTWAIT;
  for (std::size_t discarded = 0; discarded < kMostBytes;) {
    const ssize_t count = ::recv(socket.fd.get(), nullptr, kBytes, kFlags);
    if (count <= 0) return;
    discarded += static_cast<std::size_t>(count);
  }
}

}  // namespace pollout
