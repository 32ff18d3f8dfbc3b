// Poller: the epoll set of one backend, and its place in the event loop.
//
// Node's event loop is libuv's, and libuv offers one way in: uv_poll_t, a watcher of one
// descriptor. There are four ways to get many sockets through it.
//
// A uv_poll_t for each socket is the documented one. It costs ~180 bytes and a close callback each,
// one callback and so one call of JavaScript an event, and it hides what we are here for: the mask
// comes translated, and POLLERR alone, which is what an ICMP error gives, arrives as UV_EBADF with
// the watcher stopped. A refused connect may look like a bug of ours.
//
// A thread of our own in epoll_wait(2), that wakes the loop by uv_async_t, takes the work off the
// JavaScript thread; but every register() and close() would then need a lock or a queue, and the
// promise that a closed socket reports nothing would need a hand-shake. That is a price for a lane
// that runs whole attempts natively, not for one whose every step is a call from JavaScript.
//
// A timer that polls trades latency against idle CPU, and loses both.
//
// An epoll set nested in libuv's is the fourth, and the choice here. epoll(7), Q5: an epoll
// descriptor is itself readable while events wait in it. So one uv_poll_t watches one descriptor,
// our own epoll set, and libuv neither sees nor translates anything of what is inside it. One turn
// of the loop is one callback, one epoll_wait(2) for up to kMaxBatch sockets with their raw masks,
// and one call of JavaScript. libuv watches level-triggered, so what a batch leaves over is
// reported in the next turn, and other handles of the loop have had theirs in between.
//
// Runtimes without libuv have the same set watched by a thread, which tells of that one descriptor
// and touches nothing in it: loop.h. So nothing here knows of the thread.
//
// What follows from it:
//
// - One shot, EPOLLONESHOT. A report disarms the registration in the kernel: the ERR or HUP that
//   epoll adds to any interest can't spin, and disarming needs no system call. Disarm() just
//   forgets that anyone waits; the report that may still come finds the registration spent, and is
//   dropped. The socket stays in the set, and the next Arm() is an EPOLL_CTL_MOD, which looks at
//   the level anew: what became ready in between is reported.
//
// - A reader that goes on reading is watched instead: level-triggered, and no system call a report.
//   Disarm() forgets here too, so that a reader may pause and go on for nothing. The set learns of
//   it by the first report that finds nobody waiting, which makes an empty one-shot of it: at most
//   an ERR or HUP comes once more.
//
// - RDHUP goes with an interest in reading, not in writing. A writer that waits for room would be
//   woken at once by a peer that only half-closed, find no room, and ask again, in circles.
//
// - EPOLL_CTL_DEL before close(). A set watches open file descriptions, not descriptors (epoll(7),
//   Q6): while a duplicate lives, in a child process say, a closed one goes on reporting. Unless
//   its one report has been taken: it is mute then, and leaves the set with the last duplicate.
//
// - The event carries the socket's handle, not its descriptor: a number the kernel may have given
//   to the next socket by then. A stale handle finds nobody in the slab.
//
// - The watcher is started once. What changes with the registrations is whether it counts:
//   LoopHandle::KeepAlive() flips a flag, while uv_poll_stop() and uv_poll_start() cost an
//   epoll_ctl(2) each, on every first and last attempt. A set with nothing armed reports nothing,
//   so an unreferenced watcher of it is as idle as a stopped one, and keeps nothing alive.
#include "poller.h"

#include <cerrno>

#include "monotonic_clock.h"
#include "shared_numbers.h"

namespace pollout {

namespace {

std::uint32_t EventsOf(std::uint32_t interest) noexcept {
  std::uint32_t events = 0;
  if ((interest & Interest::kReadable) != 0) events |= EPOLLIN | EPOLLRDHUP;
  if ((interest & Interest::kWritable) != 0) events |= EPOLLOUT;
  return events;
}

std::uint8_t ReadinessOf(std::uint32_t events) noexcept {
  std::uint32_t readiness = 0;
  if ((events & EPOLLIN) != 0) readiness |= Readiness::kReadable;
  if ((events & EPOLLOUT) != 0) readiness |= Readiness::kWritable;
  if ((events & EPOLLERR) != 0) readiness |= Readiness::kError;
  if ((events & (EPOLLHUP | EPOLLRDHUP)) != 0) readiness |= Readiness::kHangup;
  return static_cast<std::uint8_t>(readiness);
}

}  // namespace

int Poller::Open(Loop& loop, const char** call) noexcept {
  const int failed = set_.Open(call);
  if (failed != 0) return failed;
  const Loop::Opened opened = loop.Watch(set_.fd(), *this);
  *call = opened.call;
  watch_ = opened.handle;
  return opened.failed;
}

int Poller::Arm(Socket& socket, std::uint64_t handle, double token,
                std::uint32_t interest) noexcept {
  const int failed = Control(socket, handle, EventsOf(interest) | EPOLLONESHOT);
  if (failed == 0) Owe(socket, token);
  return failed;
}

int Poller::Watch(Socket& socket, std::uint64_t handle, double token) noexcept {
  const int failed = socket.standing ? 0 : Control(socket, handle, EventsOf(Interest::kReadable));
  if (failed == 0) Owe(socket, token);
  return failed;
}

int Poller::Control(Socket& socket, std::uint64_t handle, std::uint32_t events) noexcept {
  const int fd = socket.fd.get();
  const int failed =
      socket.registered ? set_.Modify(fd, events, handle) : set_.Add(fd, events, handle);
  if (failed != 0) return failed;
  socket.registered = true;
  socket.spent = false;
  socket.standing = (events & EPOLLONESHOT) == 0;
  return 0;
}

void Poller::Owe(Socket& socket, double token) noexcept {
  socket.token = token;
  if (!socket.armed) ++armed_;
  socket.armed = true;
}

void Poller::Disarm(Socket& socket) noexcept {
  if (!socket.armed) return;
  socket.armed = false;
  --armed_;
}

void Poller::RemoveUnlessMute(Socket& socket) noexcept {
  if (socket.spent) {
    Disarm(socket);
  } else {
    Remove(socket);
  }
}

void Poller::Remove(Socket& socket) noexcept {
  Disarm(socket);
  if (!socket.registered) return;
  socket.registered = false;
  socket.spent = false;
  socket.standing = false;
  set_.Remove(socket.fd.get());
}

Poller::Gathered Poller::Gather(double* tokens, std::uint8_t* readiness) noexcept {
  const int found = set_.Wait(events_.data(), kMaxBatch, 0);
  if (found < 0) return {found == -EINTR ? 0 : found, false};
  const std::uint64_t now = found == 0 ? 0 : MonotonicNs();
  int count = 0;
  for (int index = 0; index < found; ++index) {
    const epoll_event& event = events_[index];
    const std::uint64_t handle = event.data.u64;
    Socket* socket = sockets_.Find(handle);
    if (socket == nullptr) continue;
    if (!socket->standing) {
      socket->spent = true;
    } else if (!socket->armed) {
      Control(*socket, handle, EPOLLONESHOT);
    }
    if (!socket->armed) continue;
    if (!socket->standing) Disarm(*socket);
    socket->last_events = event.events;
    socket->connect.reported_ns = now;
    tokens[count] = socket->token;
    readiness[count] = ReadinessOf(event.events);
    ++count;
  }
  return {count, found == kMaxBatch};
}

void Poller::KeepAlive(bool keep) noexcept { watch_->KeepAlive(keep); }

void Poller::Close() noexcept {
  watch_->Close();
  set_.Reset();
}

void Poller::OnHandle(LoopHandle& /*handle*/, int error) {
  if (error != 0) {
    owner_.OnBroken(error);
  } else {
    owner_.OnReady();
  }
}

}  // namespace pollout
