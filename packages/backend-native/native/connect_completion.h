// The completion rule: has a connect ended, how, and when?
#pragma once

#include <cerrno>
#include <cstdint>

#include "shared_numbers.h"
#include "socket.h"

namespace pollout {

struct ConnectEnd {
  // A ConnectStatus or a negated errno. Never kLost, which is for JavaScript: `lost` says that.
  int status = 0;
  // As MonotonicNs() counts; 0 where that is not known.
  std::uint64_t at_ns = 0;
  // A call of our own said that errno, getsockopt(2); nothing was reported of the connect.
  bool is_own = false;
  // Of one that connected: the errno by which it was lost before anybody looked, or 0.
  int lost = 0;
  // It was read from the socket just now, so that the kernel tells it to nobody else.
  bool lost_is_news = false;

  int ForJavaScript() const noexcept { return lost != 0 ? ConnectStatus::kLost + lost : status; }
};

// Whether connect(2) has begun something, or has ended it at once: by its 0 or negated errno.
inline bool HasBegun(int result) noexcept {
  return result == 0 || result == -EINPROGRESS || result == -EINTR;
}

// `events`: what epoll reported of it last, 0 where nothing; `progress`: how its connect was begun.
ConnectEnd FinishConnect(int fd, SocketKind kind, std::uint32_t events,
                         const ConnectProgress& progress) noexcept;

// The same of a TCP socket right after connect(2), when nobody was asked yet.
// ConnectStatus::kPending where that takes a closer look. `may_fail`: that it failed is likely, and
// asked first.
ConnectEnd FinishTcpAtOnce(int fd, const ConnectProgress& progress, bool may_fail) noexcept;

}  // namespace pollout
