// The calls for descriptors from and to elsewhere: adopt, detach, and what a socket is.
#include <cerrno>
#include <cstdint>

#include "backend.h"
#include "call_arguments.h"
#include "socket_calls.h"

namespace pollout {

napi_value CallAdopt(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  double descriptor = 0;
  if (!ReadNumber(env, call[0], "descriptor", &descriptor)) return nullptr;
  // Written so that NaN fails too.
  if (!(descriptor >= INT32_MIN && descriptor <= INT32_MAX) ||
      static_cast<double>(static_cast<std::int32_t>(descriptor)) != descriptor) {
    ThrowRange(env, "descriptor", "a 32-bit integer");
    return nullptr;
  }
  return Result(env, call.backend().Adopt(static_cast<int>(descriptor)));
}

napi_value CallDetach(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (!ReadNumber(env, call[0], "handle", &handle)) return nullptr;
  return Result(env, call.backend().Detach(handle));
}

// Family and type in one number, as NativeFunctions in src/addon.ts says.
napi_value CallKindOf(napi_env env, napi_callback_info info) {
  constexpr std::int64_t kTypes = 16;
  const CallArguments<1> call(env, info);
  double handle = 0;
  if (!ReadNumber(env, call[0], "handle", &handle)) return nullptr;
  const Socket* socket = call.backend().sockets().Find(handle);
  if (socket == nullptr) return Result(env, -EBADF);
  return Result(env, (socket->kind.family * kTypes) + socket->kind.type);
}

}  // namespace pollout
