// A socket address among the arguments of a call: read and parsed.
#include "address_arguments.h"

#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "call_arguments.h"

namespace pollout {

namespace {

// A text that was cut to this is still too long, for a path and for a literal: the longest of
// those, `INET6_ADDRSTRLEN` with a zone, has 62 bytes.
constexpr std::size_t kTextCapacity = 128;
static_assert(kTextCapacity - 1 > sizeof(sockaddr_un::sun_path));
constexpr std::size_t kLongestLiteral = 78;
constexpr std::uint32_t kMaxPort = 65535;

using Text = std::array<char, kTextCapacity>;

bool ReadInet(napi_env env, bool is_inet6, napi_value where, napi_value port,
              SocketAddress* address, int* invalid) noexcept {
  Text text{};
  std::size_t length = 0;
  std::uint32_t number = 0;
  if (!ReadText(env, where, "address", text.data(), text.size(), &length) ||
      !ReadInteger(env, port, "port", 0, kMaxPort, &number)) {
    return false;
  }
  const auto host_port = static_cast<std::uint16_t>(number);
  // One that goes on behind a NUL is another text than the one that was vetted above.
  if (length > kLongestLiteral || std::strlen(text.data()) != length) {
    *invalid = -EINVAL;
  } else if (is_inet6) {
    *invalid = address->SetInet6(text.data(), host_port);
  } else {
    *invalid = address->SetInet(text.data(), host_port);
  }
  return true;
}

bool ReadUnix(napi_env env, napi_value where, SocketAddress* address, int* invalid) noexcept {
  Text path{};
  std::size_t length = 0;
  if (!ReadByteText(env, where, "path", path.data(), path.size(), &length)) return false;
  *invalid = address->SetUnix(path.data(), length);
  return true;
}

bool ReadVsock(napi_env env, napi_value where, napi_value port, SocketAddress* address) noexcept {
  std::uint32_t cid = 0;
  std::uint32_t number = 0;
  if (!ReadInteger(env, where, "cid", 0, UINT32_MAX, &cid) ||
      !ReadInteger(env, port, "port", 0, UINT32_MAX, &number)) {
    return false;
  }
  address->SetVsock(cid, number);
  return true;
}

}  // namespace

bool ReadAddress(napi_env env, napi_value family, napi_value where, napi_value port,
                 SocketAddress* address, int* invalid) noexcept {
  std::uint32_t number = 0;
  if (!ReadInteger(env, family, "family", 0, kMaxFamily, &number)) return false;
  *invalid = 0;
  switch (number) {
    case AF_INET:
    case AF_INET6:
      return ReadInet(env, number == AF_INET6, where, port, address, invalid);
    case AF_UNIX:
      return ReadUnix(env, where, address, invalid);
    case AF_VSOCK:
      return ReadVsock(env, where, port, address);
    default:
      ThrowRange(env, "family", "AF_INET, AF_INET6, AF_UNIX or AF_VSOCK");
      return false;
  }
}

}  // namespace pollout
