// Socket addresses: parsing and comparing.
#include "socket_address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>
// After sys/socket.h, which it needs.
#include <linux/vm_sockets.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

namespace pollout {

namespace {

// RFC 4007, section 11: a zone is an interface's name, or its index in decimal; names go first, as
// one may be a number. 0 where there is no such interface.
std::uint32_t ScopeOfZone(const char* zone) noexcept {
  const std::uint32_t named = ::if_nametoindex(zone);
  if (named != 0) return named;
  const char* end = zone + std::strlen(zone);
  std::uint32_t index = 0;
  const auto [stop, error] = std::from_chars(zone, end, index);
  std::array<char, IF_NAMESIZE> name{};
  const bool found =
      error == std::errc() && stop == end && ::if_indextoname(index, name.data()) != nullptr;
  return found ? index : 0;
}

}  // namespace

int SocketAddress::SetInet(const char* text, std::uint16_t port) noexcept {
  auto& inet = As<sockaddr_in>();
  if (::inet_pton(AF_INET, text, &inet.sin_addr) != 1) return -EINVAL;
  inet.sin_family = AF_INET;
  inet.sin_port = htons(port);
  size_ = sizeof(sockaddr_in);
  return 0;
}

int SocketAddress::SetInet6(char* text, std::uint16_t port) noexcept {
  auto& inet6 = As<sockaddr_in6>();
  char* percent = std::strchr(text, '%');
  if (percent != nullptr) *percent = '\0';
  if (::inet_pton(AF_INET6, text, &inet6.sin6_addr) != 1) return -EINVAL;
  inet6.sin6_family = AF_INET6;
  inet6.sin6_port = htons(port);
  if (percent != nullptr) {
    inet6.sin6_scope_id = ScopeOfZone(percent + 1);
    if (inet6.sin6_scope_id == 0) return -EINVAL;
  }
  size_ = sizeof(sockaddr_in6);
  return 0;
}

void SocketAddress::SetInet(const std::uint8_t* bytes, std::uint16_t port) noexcept {
  auto& inet = As<sockaddr_in>();
  std::memcpy(&inet.sin_addr, bytes, sizeof(in_addr));
  inet.sin_family = AF_INET;
  inet.sin_port = htons(port);
  size_ = sizeof(sockaddr_in);
}

void SocketAddress::SetInet6(const std::uint8_t* bytes, std::uint16_t port,
                             std::uint32_t scope) noexcept {
  auto& inet6 = As<sockaddr_in6>();
  std::memcpy(&inet6.sin6_addr, bytes, sizeof(in6_addr));
  inet6.sin6_family = AF_INET6;
  inet6.sin6_port = htons(port);
  inet6.sin6_scope_id = scope;
  size_ = sizeof(sockaddr_in6);
}

int SocketAddress::SetUnix(const char* path, std::size_t length) noexcept {
  auto& local = As<sockaddr_un>();
  if (length > sizeof(local.sun_path)) return -EINVAL;
  const bool abstract = length > 0 && path[0] == '\0';
  // The kernel would stop at the NUL and connect to another file than the one named.
  if (!abstract && std::memchr(path, '\0', length) != nullptr) return -EINVAL;
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path, length);
  // Every byte of an abstract name counts; a path needs no terminator, the kernel adds its own.
  size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  return 0;
}

void SocketAddress::SetVsock(std::uint32_t cid, std::uint32_t port) noexcept {
  auto& vsock = As<sockaddr_vm>();
  vsock.svm_family = AF_VSOCK;
  vsock.svm_cid = cid;
  vsock.svm_port = port;
  size_ = sizeof(sockaddr_vm);
}

int SocketAddress::Connect(int fd) const noexcept {
  return ::connect(fd, get(), size_) == 0 ? 0 : -errno;
}

int SocketAddress::Bind(int fd) const noexcept {
  return ::bind(fd, get(), size_) == 0 ? 0 : -errno;
}

void SocketAddress::SetPort(std::uint16_t port) noexcept {
  if (storage_.ss_family == AF_INET) As<sockaddr_in>().sin_port = htons(port);
  if (storage_.ss_family == AF_INET6) As<sockaddr_in6>().sin6_port = htons(port);
}

in_port_t SocketAddress::InetPort() const noexcept {
  if (storage_.ss_family == AF_INET) return As<sockaddr_in>().sin_port;
  if (storage_.ss_family == AF_INET6) return As<sockaddr_in6>().sin6_port;
  return 0;
}

int SocketAddress::SetLocalOf(int fd) noexcept {
  size_ = sizeof(storage_);
  return ::getsockname(fd, &As<sockaddr>(), &size_) == 0 ? 0 : -errno;
}

int SocketAddress::SetPeerOf(int fd) noexcept {
  size_ = sizeof(storage_);
  return ::getpeername(fd, &As<sockaddr>(), &size_) == 0 ? 0 : -errno;
}

TcpPeer SocketAddress::ToTcpPeer() const noexcept {
  TcpPeer peer;
  if (storage_.ss_family == AF_INET) {
    const auto& inet = As<sockaddr_in>();
    peer.family = AF_INET;
    peer.port = inet.sin_port;
    std::memcpy(peer.address.data(), &inet.sin_addr, sizeof(in_addr));
  } else if (storage_.ss_family == AF_INET6) {
    const auto& inet6 = As<sockaddr_in6>();
    if (inet6.sin6_scope_id != 0 || IN6_IS_ADDR_V4MAPPED(&inet6.sin6_addr)) return peer;
    peer.family = AF_INET6;
    peer.port = inet6.sin6_port;
    std::memcpy(peer.address.data(), &inet6.sin6_addr, sizeof(in6_addr));
  }
  return peer;
}

bool SocketAddress::IsSameInet(const SocketAddress& other) const noexcept {
  if (storage_.ss_family != other.storage_.ss_family) return false;
  if (storage_.ss_family == AF_INET) {
    const auto& mine = As<sockaddr_in>();
    const auto& theirs = other.As<sockaddr_in>();
    return mine.sin_port == theirs.sin_port && mine.sin_addr.s_addr == theirs.sin_addr.s_addr;
  }
  if (storage_.ss_family == AF_INET6) {
    const auto& mine = As<sockaddr_in6>();
    const auto& theirs = other.As<sockaddr_in6>();
    return mine.sin6_port == theirs.sin6_port && mine.sin6_scope_id == theirs.sin6_scope_id &&
           std::memcmp(&mine.sin6_addr, &theirs.sin6_addr, sizeof(in6_addr)) == 0;
  }
  return false;
}

}  // namespace pollout
