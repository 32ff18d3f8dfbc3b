// The error queue of a TCP socket: emptied, as nobody here reads what is in it.
#include "error_queue.h"

#include <sys/epoll.h>
#include <sys/socket.h>

namespace pollout {

bool IsErrorQueueEmpty(std::uint32_t events) noexcept {
  return (events & EPOLLOUT) != 0 && (events & EPOLLERR) == 0;
}

// Neither bytes nor control data are wanted: each call takes one entry off the queue.
void DrainErrorQueue(int fd) noexcept {
  msghdr message{};
  while (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) message = msghdr{};
}

}  // namespace pollout
