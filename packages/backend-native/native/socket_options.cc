// setsockopt(2) and getsockopt(2), with the numbers and bytes of this platform.
//
// Which options there are, and what their bytes mean, is core's business (socket-options.ts). The
// bytes must not hold addresses of memory, as those of TCP_ZEROCOPY_RECEIVE and of packet filters
// do.
#include <sys/socket.h>

#include <cerrno>

#include "backend.h"
#include "call_arguments.h"
#include "socket_calls.h"

namespace pollout {

namespace {

struct OptionCall {
  double handle = 0;
  int level = 0;
  int option = 0;
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
};

bool ReadOptionCall(napi_env env, const CallArguments<4>& call, const char* bytes_name,
                    OptionCall* out) noexcept {
  std::uint32_t level = 0;
  std::uint32_t option = 0;
  if (!ReadNumber(env, call[0], "handle", &out->handle) ||
      !ReadInteger(env, call[1], "level", 0, INT32_MAX, &level) ||
      !ReadInteger(env, call[2], "option", 0, INT32_MAX, &option) ||
      !ReadBytes(env, call[3], bytes_name, &out->bytes, &out->size)) {
    return false;
  }
  if (out->size > INT32_MAX) {
    ThrowRange(env, bytes_name, "of at most 2^31 - 1 bytes");
    return false;
  }
  out->level = static_cast<int>(level);
  out->option = static_cast<int>(option);
  return true;
}

}  // namespace

napi_value CallSetOption(napi_env env, napi_callback_info info) {
  const CallArguments<4> call(env, info);
  OptionCall given;
  if (!ReadOptionCall(env, call, "value", &given)) return nullptr;
  const auto [socket, failed] = call.backend().Claim(given.handle);
  if (failed != 0) return Result(env, failed);
  if (given.level == SOL_SOCKET && given.option == SO_LINGER) socket->may_linger = true;
  const int result = ::setsockopt(socket->fd.get(), given.level, given.option, given.bytes,
                                  static_cast<socklen_t>(given.size));
  return Result(env, result == 0 ? 0 : -errno);
}

napi_value CallGetOption(napi_env env, napi_callback_info info) {
  const CallArguments<4> call(env, info);
  OptionCall given;
  if (!ReadOptionCall(env, call, "into", &given)) return nullptr;
  // One that was used before would tell of that: TCP_INFO has the least round trip ever seen.
  const auto [socket, failed] = call.backend().Claim(given.handle);
  if (failed != 0) return Result(env, failed);
  auto size = static_cast<socklen_t>(given.size);
  const int result = ::getsockopt(socket->fd.get(), given.level, given.option, given.bytes, &size);
  return Result(env, result == 0 ? static_cast<std::int64_t>(size) : -errno);
}

}  // namespace pollout
