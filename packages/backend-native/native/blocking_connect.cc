// A connect that waits: connect(2) on a blocking socket, for a bounded time.
//
// The kernel waits for us: O_NONBLOCK off, SO_SNDTIMEO for the bound (socket(7)). What makes it
// more than one call is signals. A connect(2) with SO_SNDTIMEO is never restarted, whatever
// SA_RESTART says (signal(7)); it fails with EINTR. What has happened by then depends on the
// family:
//
// - TCP: "the connection request shall not be aborted, and the connection shall be established
//   asynchronously" (POSIX). To call it again would be EALREADY, so the rest of the time is waited
//   for with poll(2). That is interrupted too, and then asked again for what is left of the time.
// - Unix: nothing has. What the call waited for is room in the peer's backlog, before it did
//   anything: so it is called again, and when the time is over it is EAGAIN and nothing is on.
// - vsock: SO_SNDTIMEO is not looked at, but a timeout of its own, and an interrupted connect is
//   cancelled. So that one stays non-blocking, and poll(2) does the waiting.
#include "blocking_connect.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "monotonic_clock.h"

namespace pollout {

namespace {

constexpr std::uint64_t kUsPerSecond = kNsPerSecond / kNsPerUs;
constexpr std::uint64_t kLongestPollMs = INT32_MAX;

std::uint64_t LeftUntil(std::uint64_t deadline_ns) noexcept {
  const std::uint64_t now = MonotonicNs();
  return deadline_ns > now ? deadline_ns - now : 0;
}

// Rounded up, so that it never is zero, which to SO_SNDTIMEO means for ever.
timeval TimevalOf(std::uint64_t ns) noexcept {
  const std::uint64_t us = std::max<std::uint64_t>(1, (ns + kNsPerUs - 1) / kNsPerUs);
  timeval time{};
  time.tv_sec = static_cast<time_t>(us / kUsPerSecond);
  time.tv_usec = static_cast<suseconds_t>(us % kUsPerSecond);
  return time;
}

// Makes the socket blocking, and in the end what it was.
class BlockingScope {
 public:
  BlockingScope() noexcept = default;
  BlockingScope(const BlockingScope&) = delete;
  BlockingScope& operator=(const BlockingScope&) = delete;
  ~BlockingScope() {
    if (fd_ < 0) return;
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout_, sizeof(timeout_));
    ::fcntl(fd_, F_SETFL, flags_);
  }

  // 0, or a negated errno with the socket as it was.
  int Enter(int fd) noexcept {
    socklen_t size = sizeof(timeout_);
    flags_ = ::fcntl(fd, F_GETFL);
    if (flags_ < 0 || ::getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout_, &size) != 0 ||
        ::fcntl(fd, F_SETFL, flags_ & ~O_NONBLOCK) != 0) {
      return -errno;
    }
    fd_ = fd;
    return 0;
  }

  // 0, or a negated errno.
  int SetTimeout(std::uint64_t deadline_ns) const noexcept {
    const timeval time = deadline_ns == kNoDeadline ? timeval{} : TimevalOf(LeftUntil(deadline_ns));
    return ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) == 0 ? 0 : -errno;
  }

 private:
  // -1 until it is entered.
  int fd_ = -1;
  int flags_ = 0;
  timeval timeout_{};
};

}  // namespace

bool WaitUntilWritable(int fd, std::uint64_t deadline_ns) noexcept {
  pollfd waiting{};
  waiting.fd = fd;
  waiting.events = POLLOUT;
  for (;;) {
    // Rounded up: a wait that ends early would have to be made again.
    const std::uint64_t left_ms = (LeftUntil(deadline_ns) + kNsPerMs - 1) / kNsPerMs;
    const bool is_last = left_ms <= kLongestPollMs;
    const int timeout = static_cast<int>(std::min(left_ms, kLongestPollMs));
    const int found = ::poll(&waiting, 1, deadline_ns == kNoDeadline ? -1 : timeout);
    if (found > 0) return true;
    if (found == 0 && is_last) return false;
    if (found < 0 && errno != EINTR) return false;
  }
}

int ConnectBlocking(int fd, SocketKind kind, const SocketAddress& to,
                    std::uint64_t deadline_ns) noexcept {
  if (kind.family == AF_VSOCK || LeftUntil(deadline_ns) == 0) return to.Connect(fd);
  BlockingScope scope;
  int failed = scope.Enter(fd);
  if (failed != 0) return failed;
  for (;;) {
    failed = scope.SetTimeout(deadline_ns);
    if (failed != 0) return failed;
    const int result = to.Connect(fd);
    if (result != -EINTR) return result;
    if (kind.family != AF_UNIX) return -EINPROGRESS;
    if (LeftUntil(deadline_ns) == 0) return -EAGAIN;
  }
}

}  // namespace pollout
