// A socket address among the arguments of a call: (family, where, port).
#pragma once

#include <node_api.h>

#include "socket_address.h"

namespace pollout {

// `where` is an address literal, a Unix path or a vsock's context identifier; a path has no port.
// False with an exception pending. `*invalid` is 0, or a negated errno where the text is no such
// address.
bool ReadAddress(napi_env env, napi_value family, napi_value where, napi_value port,
                 SocketAddress* address, int* invalid) noexcept;

}  // namespace pollout
