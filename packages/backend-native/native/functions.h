// The functions of a backend, as one JavaScript object.
#pragma once

#include <napi.h>

namespace pollout {

class Backend;

// A fresh object with all of them; `NativeFunctions` in src/addon.ts is its type. Each function
// holds the backend until it is collected.
Napi::Object MakeFunctions(Napi::Env env, Backend& backend);

}  // namespace pollout
