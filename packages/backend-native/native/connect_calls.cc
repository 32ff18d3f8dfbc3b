// The calls that give a socket its addresses: bind, connect, and how a connect went.
#include <cerrno>

#include "address_arguments.h"
#include "address_objects.h"
#include "backend.h"
#include "call_arguments.h"
#include "connect_completion.h"
#include "socket_calls.h"

namespace pollout {

namespace {

using AddressCall = int (Backend::*)(double handle, const SocketAddress& address);

napi_value CallWithAddress(napi_env env, napi_callback_info info, AddressCall method) {
  const CallArguments<4> call(env, info);
  double handle = 0;
  int invalid = 0;
  SocketAddress address;
  if (!ReadNumber(env, call[0], "handle", &handle) ||
      !ReadAddress(env, call[1], call[2], call[3], &address, &invalid)) {
    return nullptr;
  }
  Backend& backend = call.backend();
  if (backend.sockets().Find(handle) == nullptr) return Result(env, -EBADF);
  return Result(env, invalid != 0 ? invalid : (backend.*method)(handle, address));
}

template <typename Ask>
napi_value AddressOf(napi_env env, napi_callback_info info, Ask ask) {
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (!ReadNumber(env, call[0], "handle", &handle)) return nullptr;
  const Socket* socket = call.backend().sockets().Find(handle);
  SocketAddress address;
  if (socket == nullptr || socket->recycled || ask(address, socket->fd.get()) != 0) return nullptr;
  return AddressObject(env, address);
}

}  // namespace

napi_value CallBind(napi_env env, napi_callback_info info) {
  return CallWithAddress(env, info, &Backend::Bind);
}

napi_value CallConnect(napi_env env, napi_callback_info info) {
  return CallWithAddress(env, info, &Backend::Connect);
}

napi_value CallConnectAndWait(napi_env env, napi_callback_info info) {
  const CallArguments<5> call(env, info);
  double handle = 0;
  double timeout_ms = 0;
  int invalid = 0;
  SocketAddress address;
  if (!ReadNumber(env, call[0], "handle", &handle) ||
      !ReadNumber(env, call[1], "timeoutMs", &timeout_ms)) {
    return nullptr;
  }
  // Written so that NaN fails too.
  if (!(timeout_ms >= 0)) {
    ThrowRange(env, "timeoutMs", "a number of milliseconds, 0 or more");
    return nullptr;
  }
  if (!ReadAddress(env, call[2], call[3], call[4], &address, &invalid)) return nullptr;
  Backend& backend = call.backend();
  if (backend.sockets().Find(handle) == nullptr) return Result(env, -EBADF);
  if (invalid != 0) return Result(env, invalid);
  return Result(env, backend.ConnectAndWait(handle, address, timeout_ms));
}

napi_value CallDisconnect(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (!ReadNumber(env, call[0], "handle", &handle)) return nullptr;
  return Result(env, call.backend().Disconnect(handle));
}

napi_value CallFinishConnect(napi_env env, napi_callback_info info) {
  const CallArguments<2> call(env, info);
  double handle = 0;
  double* times = nullptr;
  // Before anything is done: what it finds out, it finds out once.
  if (!ReadNumber(env, call[0], "handle", &handle) ||
      !ReadOptionalDoubles(env, call[1], "times", 2, &times)) {
    return nullptr;
  }
  ConnectTimes ends;
  const int status = call.backend().FinishConnect(handle, &ends);
  if (times != nullptr && status != ConnectStatus::kPending && status != -EBADF) {
    times[0] = ends.started;
    times[1] = ends.ended;
  }
  return Result(env, status);
}

napi_value CallLocalAddress(napi_env env, napi_callback_info info) {
  return AddressOf(env, info,
                   [](SocketAddress& address, int fd) { return address.SetLocalOf(fd); });
}

napi_value CallPeerAddress(napi_env env, napi_callback_info info) {
  return AddressOf(env, info, [](SocketAddress& address, int fd) { return address.SetPeerOf(fd); });
}

}  // namespace pollout
