// The functions of a backend: their table, and the calls that concern no single socket.
#include "functions.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "backend.h"
#include "bulk_calls.h"
#include "call_arguments.h"
#include "exchange_calls.h"
#include "socket_calls.h"

namespace pollout {

namespace {

napi_value CallOpenHandles(napi_env env, napi_callback_info info) {
  const CallArguments<0> call(env, info);
  Backend& backend = call.backend();
  const std::size_t count = backend.sockets().open_count() + backend.lanes().open_sockets() +
                            backend.exchange_lanes().open_sockets();
  return Result(env, static_cast<std::int64_t>(count));
}

napi_value CallPoll(napi_env env, napi_callback_info info) {
  const CallArguments<0> call(env, info);
  call.backend().Poll(env);
  return nullptr;
}

napi_value CallSetRef(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  bool ref = false;
  if (ReadBoolean(env, call[0], "ref", &ref)) call.backend().SetRef(ref);
  return nullptr;
}

napi_value CallDestroy(napi_env env, napi_callback_info info) {
  const CallArguments<2> call(env, info);
  const Napi::Value closed(env, call[0]);
  bool gracefully = false;
  if (!closed.IsFunction()) {
    ThrowType(env, "closed", "a function");
  } else if (Napi::Value(env, call[1]).IsUndefined() ||
             ReadBoolean(env, call[1], "gracefully", &gracefully)) {
    call.backend().Destroy(closed.As<Napi::Function>(), !gracefully);
  }
  return nullptr;
}

}  // namespace

Napi::Object MakeFunctions(Napi::Env env, Backend& backend) {
  constexpr std::array<std::pair<const char*, napi_callback>, 34> kFunctions{{
      {"open", &CallOpen},
      {"adopt", &CallAdopt},
      {"bind", &CallBind},
      {"connect", &CallConnect},
      {"connectAndWait", &CallConnectAndWait},
      {"disconnect", &CallDisconnect},
      {"register", &CallRegister},
      {"watch", &CallWatch},
      {"deregister", &CallDeregister},
      {"finishConnect", &CallFinishConnect},
      {"failedHere", &CallFailedHere},
      {"receive", &CallReceive},
      {"ended", &CallEnded},
      {"send", &CallSend},
      {"shutdown", &CallShutdown},
      {"close", &CallClose},
      {"detach", &CallDetach},
      {"kindOf", &CallKindOf},
      {"setOption", &CallSetOption},
      {"getOption", &CallGetOption},
      {"localAddress", &CallLocalAddress},
      {"peerAddress", &CallPeerAddress},
      {"openLane", &CallOpenLane},
      {"submit", &CallSubmit},
      {"limit", &CallLimit},
      {"cancel", &CallCancel},
      {"openExchanges", &CallOpenExchanges},
      {"submitExchanges", &CallSubmitExchanges},
      {"stopExchanges", &CallStopExchanges},
      {"cancelExchanges", &CallCancelExchanges},
      {"openHandles", &CallOpenHandles},
      {"poll", &CallPoll},
      {"setRef", &CallSetRef},
      {"destroy", &CallDestroy},
  }};
  Napi::Object functions = Napi::Object::New(env);
  for (const auto& [name, callback] : kFunctions) {
    napi_value function = nullptr;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, &backend, &function) !=
        napi_ok) {
      break;
    }
    backend.Retain();
    napi_add_finalizer(
        env, function, &backend,
        [](napi_env, void* data, void*) { static_cast<Backend*>(data)->Release(); }, nullptr,
        nullptr);
    functions.Set(name, function);
  }
  return functions;
}

}  // namespace pollout
