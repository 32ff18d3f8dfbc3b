// Recycler: which sockets may be used again, and until when.
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

#include <utility>

#include "error_queue.h"

namespace pollout {

void Recycler::Open(Loop& loop) noexcept { end_of_turn_ = loop.BeforeSleep(*this); }

bool Recycler::Renew(const Socket& socket) noexcept {
  if (!socket.recyclable || !socket.spent) return false;
  const bool drain = !IsErrorQueueEmpty(socket.last_events);
  return SpareSockets::Renew(socket.fd.get(), socket.peer, drain);
}

void Recycler::Keep(Spare spare) {
  SpareSockets::Keep(std::move(spare));
  end_of_turn_->Send();
}

void Recycler::Close() noexcept {
  Clear();
  end_of_turn_->Close();
}

}  // namespace pollout
