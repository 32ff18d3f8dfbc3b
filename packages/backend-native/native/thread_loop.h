// The loop that is a thread of its own.
#pragma once

#include <napi.h>

#include <memory>

#include "loop.h"

namespace pollout {

// `later` is setImmediate(). Null where the system refuses: `*failed` is a negated errno then, and
// `*call` names what failed.
std::unique_ptr<Loop> MakeThreadLoop(Napi::Function later, Loop::Owner& owner, int* failed,
                                     const char** call);

}  // namespace pollout
