// Packets of SOCK_SEQPACKET, unix(7): an empty one told from the end.
//
// recv(2) answers 0 for an empty packet and for the end, and where the peer has ended, poll(2)
// can't tell whether the 0 was a packet before it. But the end has no time of arrival: with
// SO_TIMESTAMP, socket(7), every packet comes with one, those from before it was set too, and the
// end without.
#include "packets.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>

namespace pollout {

namespace {

bool SetStamps(int fd, int on) noexcept {
  return ::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)) == 0;
}

}  // namespace

ssize_t ReceivePacket(Socket& socket, void* into, std::size_t size) noexcept {
  const int fd = socket.fd.get();
  if (!socket.stamped) socket.stamped = SetStamps(fd, 1);
  iovec part{};
  part.iov_base = into;
  part.iov_len = size;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timeval))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  // Descriptors that come along, unix(7), are closed: there is no room for them.
  const ssize_t received = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  socket.ended = received == 0 && (!socket.stamped || message.msg_controllen == 0);
  return received;
}

void ForgetPackets(const Socket& socket) noexcept {
  if (socket.stamped) SetStamps(socket.fd.get(), 0);
}

}  // namespace pollout
