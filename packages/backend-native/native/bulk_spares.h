// BulkSpares: TCP sockets whose attempt has ended, kept for the rest of a round for the next
// attempt to the same peer: reuse.cc.
#pragma once

#include <array>
#include <cstddef>

#include "tcp_peer.h"
#include "unique_fd.h"

namespace pollout {

class BulkSpares {
 public:
  struct Spare {
    UniqueFd fd;
    // In the epoll set, and mute there.
    bool registered = false;
  };

  // As many descriptors as may be open without being an attempt's.
  static constexpr std::size_t kPlaces = 64;

  // That peer's; one without descriptor where there is none.
  Spare Take(const TcpPeer& peer) noexcept;

  // Takes the socket of an attempt to that peer, where the one before it went there too, and resets
  // its connection. Else it is left to the caller. `drain`: as in MakeReusable().
  bool Keep(Spare& spare, const TcpPeer& peer, bool drain) noexcept;

  // Closes all. Whether there were any.
  bool Clear() noexcept;

 private:
  struct Place {
    TcpPeer peer;
    Spare spare;
  };

  // The last peers that attempts ended with, each at PlaceOf() it.
  std::array<Place, kPlaces> places_;
  std::size_t count_ = 0;
};

}  // namespace pollout
