// The calls on one socket, from open to close: each checks its arguments, makes its system call,
// returns the result.
#include "socket_calls.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "backend.h"
#include "call_arguments.h"
#include "packets.h"
#include "shared_numbers.h"
#include "socket.h"

namespace pollout {

namespace {

// SOCK_PACKET is the last; flags that socket(2) takes with the type lie above.
constexpr std::uint32_t kMaxType = 10;
constexpr std::uint32_t kMaxInterest = Interest::kReadable | Interest::kWritable;
// MSG_PROBE of the kernel's own headers: all of a send but the sending.
constexpr int kProbe = 0x10;

// Whether send(2) itself said EACCES, and would again: a route that prohibits, a broadcast address.
// It also says it once in the name of an ICMPv6 packet that came for an earlier datagram, which a
// probe is not told of: it looks the route up and stops before the socket's error.
bool IsRefusedHere(const Socket& socket, const std::uint8_t* data, std::size_t size) noexcept {
  if (socket.kind.type != SOCK_DGRAM || socket.kind.family == AF_UNIX) return false;
  return ::send(socket.fd.get(), data, size, kProbe | MSG_NOSIGNAL) < 0 && errno == EACCES;
}

}  // namespace

napi_value CallOpen(napi_env env, napi_callback_info info) {
  const CallArguments<2> call(env, info);
  std::uint32_t family = 0;
  std::uint32_t type = 0;
  if (!ReadInteger(env, call[0], "family", 0, kMaxFamily, &family) ||
      !ReadInteger(env, call[1], "type", 0, kMaxType, &type)) {
    return nullptr;
  }
  SocketKind kind;
  kind.family = static_cast<sa_family_t>(family);
  kind.type = static_cast<std::uint16_t>(type);
  return Result(env, call.backend().Open(kind));
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

napi_value CallWatch(napi_env env, napi_callback_info info) {
  const CallArguments<2> call(env, info);
  double handle = 0;
  double token = 0;
  if (!ReadNumber(env, call[0], "handle", &handle) || !ReadNumber(env, call[1], "token", &token)) {
    return nullptr;
  }
  return Result(env, call.backend().Watch(handle, token));
}

napi_value CallDeregister(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (ReadNumber(env, call[0], "handle", &handle)) call.backend().Deregister(handle);
  return nullptr;
}

napi_value CallFailedHere(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (!ReadNumber(env, call[0], "handle", &handle)) return nullptr;
  const Socket* socket = call.backend().sockets().Find(handle);
  if (socket == nullptr) return Result(env, -EBADF);
  return Result(env, socket->failed_here ? 1 : 0);
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
  const ssize_t received = socket->kind.IsUnixPacket() ? ReceivePacket(*socket, into, size)
                                                       : ::recv(socket->fd.get(), into, size, 0);
  // After a FIN, RST is EPIPE, and the end is an end for who reads.
  const bool is_lost = received == 0 && socket->connect.lost != 0 && socket->connect.lost != EPIPE;
  if (received >= 0 && !is_lost) return Result(env, received);
  const int error = is_lost ? std::exchange(socket->connect.lost, 0) : errno;
  socket->failed_here = false;
  return Result(env, -error);
}

napi_value CallEnded(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (!ReadNumber(env, call[0], "handle", &handle)) return nullptr;
  const Socket* socket = call.backend().sockets().Find(handle);
  if (socket == nullptr) return nullptr;
  napi_value ended = nullptr;
  // Only a packet may be empty.
  napi_get_boolean(env, !socket->kind.IsUnixPacket() || socket->ended, &ended);
  return ended;
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
  if (sent >= 0) return Result(env, sent);
  const int said = errno;
  const bool is_lost = said == EPIPE && socket->connect.lost != 0;
  const int error = is_lost ? std::exchange(socket->connect.lost, 0) : said;
  socket->failed_here = error == EACCES && IsRefusedHere(*socket, data + start, size - start);
  return Result(env, -error);
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
  if (ReadNumber(env, call[0], "handle", &handle) && ReadBoolean(env, call[1], "reset", &reset)) {
    call.backend().Close(handle, reset);
  }
  return nullptr;
}

}  // namespace pollout
