// The error queue of a TCP socket: emptied, as nobody here reads what is in it.
#include "error_queue.h"

#include <sys/epoll.h>
#include <sys/socket.h>

namespace pollout {

bool IsErrorQueueEmpty(std::uint32_t events) noexcept {
  return (events & EPOLLOUT) != 0 && (events & EPOLLERR) == 0;
}

// Neither bytes nor control data are wanted: each call takes one entry off the queue, and says so
// by its flags (recv(2)). Without them there was none, whatever an emulator of the kernel answers.
void DrainErrorQueue(int fd) noexcept {
  for (;;) {
    msghdr message{};
    if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    if ((message.msg_flags & MSG_ERRQUEUE) == 0) return;
  }
}

}  // namespace pollout
