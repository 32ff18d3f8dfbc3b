// Loop: which of the two.
#include "loop.h"

#include "sink.h"
#include "thread_loop.h"
#include "uv_loop.h"

namespace pollout {

std::unique_ptr<Loop> Loop::Of(Napi::Env env, Napi::Function later, Owner& owner) {
  if (!later.IsEmpty()) {
    int failed = 0;
    const char* call = nullptr;
    auto loop = MakeThreadLoop(later, owner, &failed, &call);
    if (loop == nullptr) SystemError(env, failed, call).ThrowAsJavaScriptException();
    return loop;
  }
  auto loop = MakeUvLoop(env, owner);
  if (loop == nullptr) {
    Napi::Error::New(env, "this environment has no event loop").ThrowAsJavaScriptException();
  }
  return loop;
}

}  // namespace pollout
