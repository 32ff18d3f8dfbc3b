// The calls on one socket: each checks its arguments, makes its system call, returns the result.
#include "socket_calls.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "backend.h"
#include "call_arguments.h"
#include "connect_completion.h"
#include "slab.h"
#include "socket_address.h"

namespace pollout {

namespace {

// The longest literal, `INET6_ADDRSTRLEN` with a zone, has 62 bytes.
constexpr std::size_t kLiteralCapacity = 80;
// More than sun_path by one UTF-8 sequence and more, so that a path that was cut is still too long.
constexpr std::size_t kPathCapacity = 128;
constexpr std::uint32_t kMaxFamily = 255;
constexpr std::uint32_t kMaxInterest = 3;
constexpr std::uint32_t kMaxPort = 65535;

napi_value Result(napi_env env, std::int64_t result) noexcept {
  napi_value value = nullptr;
  napi_create_int64(env, result, &value);
  return value;
}

napi_value Connect(napi_env env, Backend& backend, double handle, int parsed,
                   const SocketAddress& address) {
  if (backend.sockets().Find(handle) == nullptr) return Result(env, -EBADF);
  if (parsed != 0) return Result(env, parsed);
  return Result(env, backend.Connect(handle, address));
}

template <typename Parse>
napi_value ConnectInetFamily(napi_env env, napi_callback_info info, Parse parse) {
  const CallArguments<3> call(env, info);
  double handle = 0;
  std::uint32_t port = 0;
  std::size_t length = 0;
  std::array<char, kLiteralCapacity> text{};
  if (!ReadNumber(env, call[0], "handle", &handle) ||
      !ReadText(env, call[1], "address", text.data(), text.size(), &length) ||
      !ReadInteger(env, call[2], "port", 0, kMaxPort, &port)) {
    return nullptr;
  }
  SocketAddress address;
  // One that was cut, or goes on behind a NUL, is another text than the one that was vetted above.
  const bool whole = length < text.size() - 1 && std::strlen(text.data()) == length;
  const int parsed =
      whole ? parse(address, text.data(), static_cast<std::uint16_t>(port)) : -EINVAL;
  return Connect(env, call.backend(), handle, parsed, address);
}

template <typename Ask>
napi_value AddressOf(napi_env env, napi_callback_info info, Ask ask) {
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (!ReadNumber(env, call[0], "handle", &handle)) return nullptr;
  const Socket* socket = call.backend().sockets().Find(handle);
  SocketAddress address;
  if (socket == nullptr || socket->recycled || ask(address, socket->fd.get()) != 0) return nullptr;
  return address.ToObject(env);
}

}  // namespace

napi_value CallOpen(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  std::uint32_t family = 0;
  if (!ReadInteger(env, call[0], "family", 0, kMaxFamily, &family)) return nullptr;
  return Result(env, call.backend().Open(static_cast<sa_family_t>(family)));
}

napi_value CallConnectInet(napi_env env, napi_callback_info info) {
  return ConnectInetFamily(env, info, [](SocketAddress& address, char* text, std::uint16_t port) {
    return address.SetInet(text, port);
  });
}

napi_value CallConnectInet6(napi_env env, napi_callback_info info) {
  return ConnectInetFamily(env, info, [](SocketAddress& address, char* text, std::uint16_t port) {
    return address.SetInet6(text, port);
  });
}

napi_value CallConnectUnix(napi_env env, napi_callback_info info) {
  const CallArguments<2> call(env, info);
  double handle = 0;
  std::size_t length = 0;
  std::array<char, kPathCapacity> path{};
  if (!ReadNumber(env, call[0], "handle", &handle) ||
      !ReadText(env, call[1], "path", path.data(), path.size(), &length)) {
    return nullptr;
  }
  SocketAddress address;
  const int parsed = address.SetUnix(path.data(), length);
  return Connect(env, call.backend(), handle, parsed, address);
}

napi_value CallRegister(napi_env env, napi_callback_info info) {
  const CallArguments<3> call(env, info);
  double handle = 0;
  double token = 0;
  std::uint32_t interest = 0;
  if (!ReadNumber(env, call[0], "handle", &handle) || !ReadNumber(env, call[1], "token", &token) ||
      !ReadInteger(env, call[2], "interest", 1, kMaxInterest, &interest)) {
    return nullptr;
  }
  return Result(env, call.backend().Register(handle, token, interest));
}

napi_value CallDeregister(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (ReadNumber(env, call[0], "handle", &handle)) call.backend().Deregister(handle);
  return nullptr;
}

napi_value CallFinishConnect(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (!ReadNumber(env, call[0], "handle", &handle)) return nullptr;
  const Socket* socket = call.backend().sockets().Find(handle);
  if (socket == nullptr) return Result(env, -EBADF);
  return Result(env, FinishConnect(socket->fd.get(), socket->family, socket->last_events));
}

napi_value CallReceive(napi_env env, napi_callback_info info) {
  const CallArguments<2> call(env, info);
  double handle = 0;
  std::uint8_t* into = nullptr;
  std::size_t size = 0;
  if (!ReadNumber(env, call[0], "handle", &handle) ||
      !ReadBytes(env, call[1], "into", &into, &size)) {
    return nullptr;
  }
  // recv(2) into nothing returns 0, which would read as the end of the stream.
  if (size == 0) {
    ThrowType(env, "into", "a Uint8Array with room for a byte");
    return nullptr;
  }
  Socket* socket = call.backend().sockets().Find(handle);
  if (socket == nullptr) return Result(env, -EBADF);
  socket->recyclable = false;
  const ssize_t received = ::recv(socket->fd.get(), into, size, 0);
  return Result(env, received >= 0 ? received : -errno);
}

napi_value CallSend(napi_env env, napi_callback_info info) {
  const CallArguments<3> call(env, info);
  double handle = 0;
  double offset = 0;
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
  if (!ReadNumber(env, call[0], "handle", &handle) ||
      !ReadBytes(env, call[1], "data", &data, &size) ||
      !ReadNumber(env, call[2], "offset", &offset)) {
    return nullptr;
  }
  // Written so that NaN fails too.
  if (!(offset >= 0 && offset <= static_cast<double>(size)) ||
      static_cast<double>(static_cast<std::size_t>(offset)) != offset) {
    ThrowRange(env, "offset", "an integer from 0 to the length of \"data\"");
    return nullptr;
  }
  Socket* socket = call.backend().sockets().Find(handle);
  if (socket == nullptr) return Result(env, -EBADF);
  socket->recyclable = false;
  const auto start = static_cast<std::size_t>(offset);
  const ssize_t sent = ::send(socket->fd.get(), data + start, size - start, MSG_NOSIGNAL);
  return Result(env, sent >= 0 ? sent : -errno);
}

napi_value CallShutdown(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (!ReadNumber(env, call[0], "handle", &handle)) return nullptr;
  Socket* socket = call.backend().sockets().Find(handle);
  if (socket == nullptr) return Result(env, -EBADF);
  socket->recyclable = false;
  return Result(env, ::shutdown(socket->fd.get(), SHUT_WR) == 0 ? 0 : -errno);
}

napi_value CallClose(napi_env env, napi_callback_info info) {
  const CallArguments<2> call(env, info);
  double handle = 0;
  bool reset = false;
  if (!ReadNumber(env, call[0], "handle", &handle)) return nullptr;
  if (napi_get_value_bool(env, call[1], &reset) != napi_ok) {
    ThrowType(env, "reset", "a boolean");
    return nullptr;
  }
  call.backend().Close(handle, reset);
  return nullptr;
}

napi_value CallLocalAddress(napi_env env, napi_callback_info info) {
  return AddressOf(env, info,
                   [](SocketAddress& address, int fd) { return address.SetLocalOf(fd); });
}

napi_value CallPeerAddress(napi_env env, napi_callback_info info) {
  return AddressOf(env, info, [](SocketAddress& address, int fd) { return address.SetPeerOf(fd); });
}

}  // namespace pollout
