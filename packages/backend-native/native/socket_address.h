// Socket addresses: from text and numbers to sockaddr.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "tcp_peer.h"

namespace pollout {

// A sockaddr of any family, in the size that the kernel was, or is to be, told.
class SocketAddress {
 public:
  // Each returns 0 or a negated errno. `text` is NUL-terminated.
  int SetInet(const char* text, std::uint16_t port) noexcept;
  // May carry a zone, `fe80::1%eth0` or `fe80::1%2`. One that names no interface is EINVAL, as a
  // link-local address without one is for the kernel. Elsewhere the kernel makes nothing of it.
  int SetInet6(char* text, std::uint16_t port) noexcept;
  // A leading NUL makes it a name in the abstract namespace, and none at all has bind(2) choose one
  // there: unix(7).
  int SetUnix(const char* path, std::size_t length) noexcept;

  // The same from the bytes that the network has: four of them, and sixteen.
  void SetInet(const std::uint8_t* bytes, std::uint16_t port) noexcept;
  void SetInet6(const std::uint8_t* bytes, std::uint16_t port, std::uint32_t scope) noexcept;

  void SetVsock(std::uint32_t cid, std::uint32_t port) noexcept;

  // getsockname(2) and getpeername(2): 0 or a negated errno.
  int SetLocalOf(int fd) noexcept;
  int SetPeerOf(int fd) noexcept;

  // connect(2) and bind(2) with this one: 0 or a negated errno.
  int Connect(int fd) const noexcept;
  int Bind(int fd) const noexcept;

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return size_; }

  // Another port. Nothing for families other than inet and inet6.
  void SetPort(std::uint16_t port) noexcept;

  // In network byte order; 0 for families other than inet and inet6.
  in_port_t InetPort() const noexcept;

  // Whom a socket that connects here will have for a peer: none where that is not TCP, or where the
  // address has an IPv6 zone or is IPv4 mapped into IPv6 (reuse.cc says what these do).
  TcpPeer ToTcpPeer() const noexcept;

  // Same family, address and port. False for families other than inet and inet6.
  bool IsSameInet(const SocketAddress& other) const noexcept;

 private:
  template <typename Concrete>
  Concrete& As() noexcept {
    return reinterpret_cast<Concrete&>(storage_);
  }
  template <typename Concrete>
  const Concrete& As() const noexcept {
    return reinterpret_cast<const Concrete&>(storage_);
  }

  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace pollout
