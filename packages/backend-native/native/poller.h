// Poller: the epoll set of one backend, and its place in the event loop.
#pragma once

#include <array>
#include <cstdint>

#include "epoll_set.h"
#include "loop.h"
#include "slab.h"

namespace pollout {

class Poller final : private LoopHandle::Owner {
 public:
  // Called from the event loop, outside of any JavaScript.
  class Owner {
   public:
    // Something is ready, or was a moment ago.
    virtual void OnReady() = 0;
    // The loop can watch the epoll set no longer; `error` is a negated errno.
    virtual void OnBroken(int error) = 0;
    // After Close(): the loop has let go of the memory.
    virtual void OnClosed() = 0;

   protected:
    ~Owner() = default;
  };

  // As many as one call of the sink gets; what is left over keeps the set readable. A handler that
  // closes its socket and starts the next connect takes some 20 us, so this holds a turn to 5 ms.
  static constexpr int kMaxBatch = 256;

  struct Gathered {
    // Registrations written, or a negated errno.
    int count;
    // The kernel may hold more.
    bool more;
  };

  Poller(Owner& owner, SocketSlab& sockets) noexcept : owner_(owner), sockets_(sockets) {}
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller() = default;

  // 0, or a negated errno; `*call` then names the system call that failed.
  int Open(Loop& loop, const char** call) noexcept;

  // One report for `token`, of what is ready now or gets ready. 0, or a negated errno.
  int Arm(Socket& socket, std::uint64_t handle, double token, std::uint32_t interest) noexcept;
  // A report for `token` in each batch, for as long as there is something to read.
  int Watch(Socket& socket, std::uint64_t handle, double token) noexcept;
  void Disarm(Socket& socket) noexcept;
  // For a descriptor that is closed next: where its one report was taken, it stays in the set,
  // mute, and leaves with close(2).
  void RemoveUnlessMute(Socket& socket) noexcept;
  // For a descriptor that lives on elsewhere.
  void Remove(Socket& socket) noexcept;

  // Takes what is ready now, without waiting. Each array has room for kMaxBatch.
  Gathered Gather(double* tokens, std::uint8_t* readiness) noexcept;

  // Registrations armed.
  int armed() const noexcept { return armed_; }

  // Whether the event loop stays alive for this poller's sake.
  void KeepAlive(bool keep) noexcept;

  // No event is reported after this; the memory is the loop's until OnClosed().
  void Close() noexcept;

 private:
  void OnHandle(LoopHandle& handle, int error) override;
  void OnHandleClosed() override { owner_.OnClosed(); }

  // Adds it to the set, or changes what is reported of it. 0, or a negated errno.
  int Control(Socket& socket, std::uint64_t handle, std::uint32_t events) noexcept;
  void Owe(Socket& socket, double token) noexcept;

  Owner& owner_;
  SocketSlab& sockets_;
  EpollSet set_;
  LoopHandle* watch_ = nullptr;
  int armed_ = 0;
  std::array<epoll_event, kMaxBatch> events_{};
};

}  // namespace pollout
