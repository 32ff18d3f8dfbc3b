// SpareSockets: TCP sockets whose connection is over, kept for the next connect to the same peer:
// reuse.cc. How long they are kept is for their owner to say.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "socket.h"
#include "tcp_peer.h"
#include "unique_fd.h"

namespace pollout {

// Whether a negated errno says that descriptors, or memory, have run out.
inline bool HasRunOut(int result) noexcept {
  return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

class SpareSockets {
 public:
  struct Spare {
    UniqueFd fd;
    TcpPeer peer;
    // In the epoll set, and mute there.
    bool registered = false;
  };

  // `most`: as many descriptors as may be open without being anybody's.
  explicit SpareSockets(std::size_t most) noexcept : most_(most) {}
  SpareSockets(const SpareSockets&) = delete;
  SpareSockets& operator=(const SpareSockets&) = delete;
  ~SpareSockets() = default;

  // Resets the connection to that peer, if it is likely to be connected to again and there is room
  // for one more. True: the socket is as good as new, and is for Keep(). Else it is to be closed as
  // any other. `drain`: as in MakeReusable().
  bool Renew(int fd, const TcpPeer& peer, bool drain) noexcept;
  // Where there is no room for it any more, it is closed.
  void Keep(Spare spare);

  // The peer's; one without descriptor where there is none.
  Spare Take(const TcpPeer& peer) noexcept;
  // One of that family, whoever its peer is.
  Spare Take(sa_family_t family) noexcept;

  // A new socket, non-blocking. Nobody is told that something has run out while spares hold some of
  // it. Without descriptor, and `errno` says why, where the system refuses.
  UniqueFd NewSocket(SocketKind kind) noexcept;

  bool Holds(int fd) const noexcept;
  // Closes all that are left.
  void Clear() noexcept { spares_.clear(); }

 private:
  static constexpr std::size_t kRecentPeers = 64;

  template <typename Fits>
  Spare TakeLast(Fits fits) noexcept;
  // Whether a connection to that peer has ended here lately; remembers this one.
  bool IsRecurring(const TcpPeer& peer) noexcept;

  const std::size_t most_;
  std::vector<Spare> spares_;
  std::array<TcpPeer, kRecentPeers> recent_{};
};

}  // namespace pollout
