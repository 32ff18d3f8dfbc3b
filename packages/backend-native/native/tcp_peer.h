// TcpPeer: whom a TCP socket connects to, in the few bytes that tell one from another.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

namespace pollout {

struct TcpPeer {
  // AF_UNSPEC where there is none.
  sa_family_t family = AF_UNSPEC;
  in_port_t port = 0;
  // An IPv4 address is the first four bytes, and zeros.
  std::array<std::uint8_t, 16> address{};

  explicit operator bool() const noexcept { return family != AF_UNSPEC; }
  bool operator==(const TcpPeer& other) const noexcept {
    return family == other.family && port == other.port && address == other.address;
  }
};

}  // namespace pollout
