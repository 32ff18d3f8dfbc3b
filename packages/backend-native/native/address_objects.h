// A socket address as the object that JavaScript gets.
#pragma once

#include <napi.h>

#include "socket_address.h"

namespace pollout {

// A fresh {family, address, port}, {family, path} or {family, cid, port}; undefined for the address
// of an inet or vsock socket that is not bound yet.
Napi::Value AddressObject(Napi::Env env, const SocketAddress& address);

}  // namespace pollout
