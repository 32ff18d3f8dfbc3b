// The loop that is libuv's.
#pragma once

#include <node_api.h>

#include <memory>

namespace pollout {

class Loop;

// Null where there is no libuv.
std::unique_ptr<Loop> MakeUvLoop(napi_env env);

}  // namespace pollout
