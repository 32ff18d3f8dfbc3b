// Recycler: TCP sockets whose connection is over, kept for the rest of a loop turn for the next
// connect to the same peer. A saving of system calls, and nothing else: see recycler.cc.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <vector>

#include "loop.h"
#include "slab.h"
#include "tcp_peer.h"
#include "unique_fd.h"

namespace pollout {

class Recycler final : private LoopHandle::Owner {
 public:
  class Owner {
   public:
    // After Close(): the loop has let go of the memory.
    virtual void OnClosed() = 0;

   protected:
    ~Owner() = default;
  };

  // As many descriptors as may be open for the rest of a turn without being anybody's.
  static constexpr std::size_t kMaxSpares = 256;

  explicit Recycler(Owner& owner) noexcept : owner_(owner) {}
  Recycler(const Recycler&) = delete;
  Recycler& operator=(const Recycler&) = delete;
  ~Recycler() = default;

  void Open(Loop& loop) noexcept;

  // Resets the connection and makes the socket as good as new, where that is possible and may pay.
  // Keep() takes it then; otherwise it is to be closed as any other.
  bool Disconnect(const Socket& socket) noexcept;
  void Keep(UniqueFd fd, const TcpPeer& peer);

  struct Spare {
    UniqueFd fd;
    TcpPeer peer;
  };
  // One of that family, or one without descriptor.
  Spare Take(sa_family_t family) noexcept;
  // The one of that peer in exchange for `spare`; false where there is none.
  bool Exchange(Spare& spare, const TcpPeer& peer) noexcept;

  bool Holds(int fd) const noexcept;
  bool empty() const noexcept { return spares_.empty(); }
  // Closes all that are left.
  void Clear() noexcept { spares_.clear(); }

  // Clears; the memory is the loop's until OnClosed().
  void Close() noexcept;

 private:
  static constexpr std::size_t kRecentPeers = 64;

  void OnHandle(LoopHandle& /*handle*/, int /*error*/) override { Clear(); }
  void OnHandleClosed() override { owner_.OnClosed(); }
  // Whether a connection to that peer has ended here lately; remembers this one.
  bool IsRecurring(const TcpPeer& peer) noexcept;

  Owner& owner_;
  std::vector<Spare> spares_;
  std::array<TcpPeer, kRecentPeers> recent_{};
  LoopHandle* end_of_turn_ = nullptr;
};

}  // namespace pollout
