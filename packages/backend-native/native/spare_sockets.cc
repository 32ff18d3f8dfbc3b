// SpareSockets: the spares, and the memory of who was met lately. A peer that was not is not
// expected again, so that a fan-out over many targets pays nothing for what it has no use for.
#include "spare_sockets.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "reuse.h"

namespace pollout {

namespace {

// FNV-1a: spreads the ports and addresses that come, and need not withstand those that are sent.
std::size_t PlaceOf(const TcpPeer& peer, std::size_t places) noexcept {
  std::uint32_t hash = 2166136261U ^ peer.port;
  for (const std::uint8_t byte : peer.address) hash = (hash ^ byte) * 16777619U;
  return (hash ^ (hash >> 16U)) % places;
}

}  // namespace

bool SpareSockets::Renew(int fd, const TcpPeer& peer, bool drain) noexcept {
  if (!peer || !IsRecurring(peer) || spares_.size() == most_) return false;
  return MakeReusable(fd, drain);
}

void SpareSockets::Keep(Spare spare) {
  if (spares_.size() < most_) spares_.push_back(std::move(spare));
}

SpareSockets::Spare SpareSockets::Take(const TcpPeer& peer) noexcept {
  if (!peer) return {};
  return TakeLast([&peer](const Spare& spare) { return spare.peer == peer; });
}

SpareSockets::Spare SpareSockets::Take(sa_family_t family) noexcept {
  return TakeLast([family](const Spare& spare) { return spare.peer.family == family; });
}

// The last ones first: the rest need not move.
template <typename Fits>
SpareSockets::Spare SpareSockets::TakeLast(Fits fits) noexcept {
  const auto found = std::find_if(spares_.rbegin(), spares_.rend(), fits);
  if (found == spares_.rend()) return {};
  Spare spare = std::move(*found);
  spares_.erase(std::next(found).base());
  return spare;
}

UniqueFd SpareSockets::NewSocket(SocketKind kind) noexcept {
  const int type = kind.type | SOCK_NONBLOCK | SOCK_CLOEXEC;
  UniqueFd fd(::socket(kind.family, type, 0));
  if (fd || !HasRunOut(-errno) || spares_.empty()) return fd;
  Clear();
  return UniqueFd(::socket(kind.family, type, 0));
}

bool SpareSockets::IsRecurring(const TcpPeer& peer) noexcept {
  TcpPeer& place = recent_[PlaceOf(peer, kRecentPeers)];
  return std::exchange(place, peer) == peer;
}

bool SpareSockets::Holds(int fd) const noexcept {
  return std::any_of(spares_.begin(), spares_.end(),
                     [fd](const Spare& spare) { return spare.fd.get() == fd; });
}

}  // namespace pollout
