// The calls on one socket, as JavaScript makes them: see `NativeFunctions` in src/addon.ts.
#pragma once

#include <node_api.h>

namespace pollout {

// socket_calls.cc
napi_value CallOpen(napi_env env, napi_callback_info info);
napi_value CallRegister(napi_env env, napi_callback_info info);
napi_value CallWatch(napi_env env, napi_callback_info info);
napi_value CallDeregister(napi_env env, napi_callback_info info);
napi_value CallFailedHere(napi_env env, napi_callback_info info);
napi_value CallReceive(napi_env env, napi_callback_info info);
napi_value CallEnded(napi_env env, napi_callback_info info);
napi_value CallSend(napi_env env, napi_callback_info info);
napi_value CallShutdown(napi_env env, napi_callback_info info);
napi_value CallClose(napi_env env, napi_callback_info info);

// connect_calls.cc
napi_value CallBind(napi_env env, napi_callback_info info);
napi_value CallConnect(napi_env env, napi_callback_info info);
napi_value CallConnectAndWait(napi_env env, napi_callback_info info);
napi_value CallDisconnect(napi_env env, napi_callback_info info);
napi_value CallFinishConnect(napi_env env, napi_callback_info info);
napi_value CallLocalAddress(napi_env env, napi_callback_info info);
napi_value CallPeerAddress(napi_env env, napi_callback_info info);

// socket_options.cc
napi_value CallSetOption(napi_env env, napi_callback_info info);
napi_value CallGetOption(napi_env env, napi_callback_info info);

// descriptor_calls.cc
napi_value CallAdopt(napi_env env, napi_callback_info info);
napi_value CallDetach(napi_env env, napi_callback_info info);
napi_value CallKindOf(napi_env env, napi_callback_info info);

}  // namespace pollout
