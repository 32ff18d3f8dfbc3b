// The calls of JavaScript that concern the exchange lanes.
#pragma once

#include <node_api.h>

namespace pollout {

// (peers, options of inet, of inet6, of unix, sources, numbers, requests, delimiter, includes,
// exchanges, connections): exchange_calls.cc has what is in them. The lane's number, or -EBADF.
napi_value CallOpenExchanges(napi_env env, napi_callback_info info);
// (lane, records, count)
napi_value CallSubmitExchanges(napi_env env, napi_callback_info info);
// (lane)
napi_value CallStopExchanges(napi_env env, napi_callback_info info);
// (lane)
napi_value CallCancelExchanges(napi_env env, napi_callback_info info);

}  // namespace pollout
