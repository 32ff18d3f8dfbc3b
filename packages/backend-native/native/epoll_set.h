// EpollSet: an epoll set, epoll(7), with the errors of its calls as negated errnos.
#pragma once

#include <sys/epoll.h>

#include <cerrno>
#include <cstdint>

#include "unique_fd.h"

namespace pollout {

class EpollSet {
 public:
  // 0, or a negated errno; `*call` names the system call.
  int Open(const char** call) noexcept {
    *call = "epoll_create1";
    fd_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    return fd_ ? 0 : -errno;
  }
  // Closes it.
  void Reset() noexcept { fd_.Reset(); }

  // Readable while there are events in it.
  int fd() const noexcept { return fd_.get(); }

  // Adds a descriptor, or changes what is reported of one that is in the set. 0, or a negated
  // errno.
  int Add(int fd, std::uint32_t events, std::uint64_t data) const noexcept {
    return Control(EPOLL_CTL_ADD, fd, events, data);
  }
  int Modify(int fd, std::uint32_t events, std::uint64_t data) const noexcept {
    return Control(EPOLL_CTL_MOD, fd, events, data);
  }
  void Remove(int fd) const noexcept { ::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr); }

  // How many events it has written, or a negated errno. `timeout_ms`: -1 waits for ever.
  int Wait(epoll_event* events, int most, int timeout_ms) const noexcept {
    const int found = ::epoll_wait(fd_.get(), events, most, timeout_ms);
    return found < 0 ? -errno : found;
  }

 private:
  int Control(int operation, int fd, std::uint32_t events, std::uint64_t data) const noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    return ::epoll_ctl(fd_.get(), operation, fd, &event) == 0 ? 0 : -errno;
  }

  UniqueFd fd_;
};

}  // namespace pollout
