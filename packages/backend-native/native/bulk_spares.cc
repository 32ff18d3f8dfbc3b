// BulkSpares: one place for a peer, which is also the memory of who was met lately: a peer that was
// not is not expected again, and one that was pushed out by another loses its spare.
#include "bulk_spares.h"

#include <utility>

#include "reuse.h"

namespace pollout {

BulkSpares::Spare BulkSpares::Take(const TcpPeer& peer) noexcept {
  if (count_ == 0 || !peer) return {};
  Place& place = places_[PlaceOf(peer, kPlaces)];
  if (!place.spare.fd || !(place.peer == peer)) return {};
  --count_;
  return std::move(place.spare);
}

bool BulkSpares::Keep(Spare& spare, const TcpPeer& peer, bool drain) noexcept {
  if (!peer) return false;
  Place& place = places_[PlaceOf(peer, kPlaces)];
  if (!(place.peer == peer)) {
    if (place.spare.fd) --count_;
    place = {peer, {}};
    return false;
  }
  if (place.spare.fd || !MakeReusable(spare.fd.get(), drain)) return false;
  place.spare = std::move(spare);
  ++count_;
  return true;
}

bool BulkSpares::Clear() noexcept {
  if (count_ == 0) return false;
  for (Place& place : places_) place.spare = {};
  count_ = 0;
  return true;
}

}  // namespace pollout
