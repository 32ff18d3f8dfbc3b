// The calls on one socket, as JavaScript makes them: see `NativeFunctions` in src/addon.ts.
#pragma once

#include <node_api.h>

namespace pollout {

napi_value CallOpen(napi_env env, napi_callback_info info);
napi_value CallConnectInet(napi_env env, napi_callback_info info);
napi_value CallConnectInet6(napi_env env, napi_callback_info info);
napi_value CallConnectUnix(napi_env env, napi_callback_info info);
napi_value CallRegister(napi_env env, napi_callback_info info);
napi_value CallDeregister(napi_env env, napi_callback_info info);
napi_value CallFinishConnect(napi_env env, napi_callback_info info);
napi_value CallReceive(napi_env env, napi_callback_info info);
napi_value CallSend(napi_env env, napi_callback_info info);
napi_value CallShutdown(napi_env env, napi_callback_info info);
napi_value CallClose(napi_env env, napi_callback_info info);
napi_value CallLocalAddress(napi_env env, napi_callback_info info);
napi_value CallPeerAddress(napi_env env, napi_callback_info info);

}  // namespace pollout
