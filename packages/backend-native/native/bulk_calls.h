// The calls of the bulk lanes, as JavaScript makes them.
#pragma once

#include <node_api.h>

namespace pollout {

// Each is a function of `NativeFunctions` in src/addon.ts, with its arguments.
napi_value CallOpenLane(napi_env env, napi_callback_info info);
napi_value CallSubmit(napi_env env, napi_callback_info info);
napi_value CallLimit(napi_env env, napi_callback_info info);
napi_value CallCancel(napi_env env, napi_callback_info info);

}  // namespace pollout
