// SocketSlab: the open sockets of one backend, found by handles that are never used twice.
//
// A handle is a slot's index and the slot's generation, packed into an integer that a JavaScript
// number holds exactly: 21 bits of index below 32 bits of generation make 53. Closing a socket
// advances the generation, so an old handle, or an epoll event that carries one, finds nobody even
// where both the slot and the descriptor's number have a new owner by then. A slot whose generation
// has run out is retired.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "socket.h"
#include "unique_fd.h"

namespace pollout {

class SocketSlab {
 public:
  static constexpr unsigned kIndexBits = 21;
  static constexpr std::uint32_t kMaxSockets = 1U << kIndexBits;

  // The new socket's handle, or -EMFILE.
  std::int64_t Insert(UniqueFd fd, SocketKind kind);
  // Whether Insert() has room for one more.
  bool IsFull() const noexcept { return first_free_ == kNone && slots_.size() == kMaxSockets; }

  // The descriptor, still open; the handle is void from here on.
  UniqueFd Take(std::uint64_t handle) noexcept;

  // The open socket of that handle, or null. Valid until the next Insert().
  Socket* Find(double handle) noexcept;
  Socket* Find(std::uint64_t handle) noexcept;

  // The same for a socket whose descriptor was moved away.
  void Vacate(std::uint64_t handle) noexcept;

  // Closes the descriptor; the handle is void from here on.
  void Remove(std::uint64_t handle) noexcept { Take(handle).Reset(); }

  // Whether one of the open sockets has that descriptor. Looks at all of them.
  bool Holds(int fd) const noexcept;

  std::size_t open_count() const noexcept { return open_count_; }

  // `visit(Socket&, handle)` for each open socket; it may Remove() the one that it is given.
  template <typename Visit>
  void ForEach(Visit visit) {
    for (std::uint32_t index = 0; index < slots_.size(); ++index) {
      Socket& socket = slots_[index];
      if (socket.fd) visit(socket, HandleOf(socket.generation, index));
    }
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::uint64_t HandleOf(std::uint32_t generation, std::uint32_t index) noexcept {
    return (static_cast<std::uint64_t>(generation) << kIndexBits) | index;
  }

  std::vector<Socket> slots_;
  std::uint32_t first_free_ = kNone;
  std::size_t open_count_ = 0;
};

}  // namespace pollout
