// Recycler: TCP sockets whose connection is over, kept for the rest of a loop turn for the next
// connect to the same peer.
//
// How, why for the same peer only, and what is left of the old connection: reuse.cc. What of that
// is to be seen to here:
//
// - Only a socket whose report has been taken is kept (`spent`): it is mute in the epoll set.
//
// - Options, addresses, and data sent or received end a socket's use for it: `recyclable`.
//
// - One that has not connected again has no local address as far as we tell (`recycled`).
//
// Only what is closed from inside the sink comes here, where a successor is likely and near. From
// elsewhere close() gives the descriptor back before it returns, and so it does inside the sink for
// a pending attempt that is cancelled, as that has not reported. Successors start inside the sink
// or in the check phase of the same turn. What is left by the prepare phase is closed there: it
// comes before the loop may sleep, so no spare outlives the turn. The prepare handle keeps nothing
// alive, and runs only in turns that had a spare.
#include "recycler.h"

#include <algorithm>
#include <utility>

#include "error_queue.h"
#include "reuse.h"

namespace pollout {

void Recycler::Open(Loop& loop) noexcept { end_of_turn_ = loop.BeforeSleep(*this); }

bool Recycler::Disconnect(const Socket& socket) noexcept {
  if (!socket.recyclable || !socket.peer || !socket.spent) return false;
  if (!IsRecurring(socket.peer) || spares_.size() == kMaxSpares) return false;
  return MakeReusable(socket.fd.get(), !IsErrorQueueEmpty(socket.last_events));
}

void Recycler::Keep(UniqueFd fd, const TcpPeer& peer) {
  if (spares_.size() == kMaxSpares) return;
  spares_.push_back({std::move(fd), peer});
  end_of_turn_->Send();
}

Recycler::Spare Recycler::Take(sa_family_t family) noexcept {
  for (std::size_t index = spares_.size(); index-- > 0;) {
    if (spares_[index].peer.family != family) continue;
    Spare spare = std::move(spares_[index]);
    spares_.erase(spares_.begin() + static_cast<std::ptrdiff_t>(index));
    return spare;
  }
  return {};
}

bool Recycler::Exchange(Spare& spare, const TcpPeer& peer) noexcept {
  for (Spare& other : spares_) {
    if (!(other.peer == peer)) continue;
    std::swap(other, spare);
    return true;
  }
  return false;
}

bool Recycler::IsRecurring(const TcpPeer& peer) noexcept {
  TcpPeer& place = recent_[PlaceOf(peer, kRecentPeers)];
  return std::exchange(place, peer) == peer;
}

bool Recycler::Holds(int fd) const noexcept {
  return std::any_of(spares_.begin(), spares_.end(),
                     [fd](const Spare& spare) { return spare.fd.get() == fd; });
}

void Recycler::Close() noexcept {
  Clear();
  end_of_turn_->Close();
}

}  // namespace pollout
