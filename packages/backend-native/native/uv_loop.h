// The loop that is libuv's.
#pragma once

#include <node_api.h>

#include <memory>

#include "loop.h"

namespace pollout {

// Null where there is no libuv.
std::unique_ptr<Loop> MakeUvLoop(napi_env env, Loop::Owner& owner);

}  // namespace pollout
