// The completion rule: has a connect ended, how, and when?
#pragma once

#include <cstdint>

#include "slab.h"

namespace pollout {

// As in packages/core/src/backend/backend.ts.
constexpr int kConnected = 0;
constexpr int kPending = 1;
constexpr int kSelfConnected = 2;

struct ConnectEnd {
  // One of the above, or a negated errno.
  int status;
  // As uv_hrtime() counts; 0 where that is not known.
  std::uint64_t at_ns;
};

// Goes by the socket's `kind`, by what epoll reported of it last, and by how its connect was begun.
ConnectEnd FinishConnect(const Socket& socket) noexcept;

}  // namespace pollout
