// The completion rule: has a non-blocking connect ended, and how?
#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace pollout {

// As in packages/core/src/backend.ts.
constexpr int kConnected = 0;
constexpr int kPending = 1;
constexpr int kSelfConnected = 2;

// One of the above, or a negated errno. `events` is what epoll reported last, 0 if nothing yet.
int FinishConnect(int fd, sa_family_t family, std::uint32_t events) noexcept;

}  // namespace pollout
