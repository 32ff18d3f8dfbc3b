// SocketSlab: slots, their free list, and the packing of handles.
#include "slab.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace pollout {

namespace {
constexpr double kHandleLimit = 9007199254740992.0;  // 2^53
}

std::int64_t SocketSlab::Insert(UniqueFd fd, SocketKind kind) {
  std::uint32_t index = first_free_;
  if (index == kNone) {
    if (IsFull()) return -EMFILE;
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    first_free_ = slots_[index].next_free;
  }
  Socket& socket = slots_[index];
  const std::uint32_t generation = socket.generation;
  socket = Socket{};
  socket.fd = std::move(fd);
  socket.generation = generation;
  socket.kind = kind;
  ++open_count_;
  return static_cast<std::int64_t>(HandleOf(socket.generation, index));
}

Socket* SocketSlab::Find(double handle) noexcept {
  // Written so that NaN fails too: out of range, the conversion below would be undefined.
  if (!(handle >= 0 && handle < kHandleLimit)) return nullptr;
  const auto bits = static_cast<std::uint64_t>(handle);
  if (static_cast<double>(bits) != handle) return nullptr;
  return Find(bits);
}

Socket* SocketSlab::Find(std::uint64_t handle) noexcept {
  const std::uint64_t index = handle & (kMaxSockets - 1);
  if (index >= slots_.size()) return nullptr;
  Socket& socket = slots_[index];
  if (!socket.fd || socket.generation != handle >> kIndexBits) return nullptr;
  return &socket;
}

bool SocketSlab::Holds(int fd) const noexcept {
  return std::any_of(slots_.begin(), slots_.end(),
                     [fd](const Socket& socket) { return socket.fd.get() == fd; });
}

UniqueFd SocketSlab::Take(std::uint64_t handle) noexcept {
  Socket* socket = Find(handle);
  if (socket == nullptr) return {};
  UniqueFd fd = std::move(socket->fd);
  Vacate(handle);
  return fd;
}

void SocketSlab::Vacate(std::uint64_t handle) noexcept {
  const auto index = static_cast<std::uint32_t>(handle & (kMaxSockets - 1));
  Socket& socket = slots_[index];
  --open_count_;
  if (++socket.generation == 0) return;
  socket.next_free = first_free_;
  first_free_ = index;
}

}  // namespace pollout
