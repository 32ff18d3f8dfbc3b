// Recycler: the spare sockets of the event loop's own lane, kept for the rest of a loop turn. A
// saving of system calls, and nothing else: see recycler.cc.
#pragma once

#include "loop.h"
#include "socket.h"
#include "spare_sockets.h"

namespace pollout {

class Recycler final : private SpareSockets, private LoopHandle::Owner {
 public:
  class Owner {
   public:
    // After Close(): the loop has let go of the memory.
    virtual void OnClosed() = 0;

   protected:
    ~Owner() = default;
  };

  static constexpr std::size_t kMaxSpares = 256;

  explicit Recycler(Owner& owner) noexcept : SpareSockets(kMaxSpares), owner_(owner) {}
  Recycler(const Recycler&) = delete;
  Recycler& operator=(const Recycler&) = delete;
  ~Recycler() = default;

  void Open(Loop& loop) noexcept;

  using SpareSockets::Holds;
  using SpareSockets::NewSocket;
  using SpareSockets::Spare;
  using SpareSockets::Take;

  // As those of SpareSockets.
  bool Renew(const Socket& socket) noexcept;
  void Keep(Spare spare);

  // Closes what is left; the memory is the loop's until OnClosed().
  void Close() noexcept;

 private:
  void OnHandle(LoopHandle& /*handle*/, int /*error*/) override { Clear(); }
  void OnHandleClosed() override { owner_.OnClosed(); }

  Owner& owner_;
  LoopHandle* end_of_turn_ = nullptr;
};

}  // namespace pollout
