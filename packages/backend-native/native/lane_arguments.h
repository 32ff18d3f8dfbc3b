// Arguments that the bulk lane and the exchange lane are opened with. Each of these answers false
// with an exception pending.
#pragma once

#include <napi.h>

#include <cstdint>
#include <vector>

#include "bulk_lane.h"
#include "call_arguments.h"

namespace pollout {

// `read(element)` for each one of an array of arrays.
template <typename Read>
bool ReadArray(napi_env env, napi_value value, const char* name, std::uint32_t most, Read read) {
  const Napi::Value given(env, value);
  if (!given.IsArray()) {
    ThrowType(env, name, "an array");
    return false;
  }
  const auto array = given.As<Napi::Array>();
  if (array.Length() > most) {
    ThrowRange(env, name, "shorter");
    return false;
  }
  for (std::uint32_t index = 0; index < array.Length(); ++index) {
    const Napi::Value element = array.Get(index);
    if (!element.IsArray()) {
      ThrowType(env, name, "an array of arrays");
      return false;
    }
    if (!read(element.As<Napi::Array>())) return false;
  }
  return true;
}

// [level, option, value] each.
bool ReadOptions(napi_env env, napi_value value, const char* name,
                 std::vector<BulkPlan::Option>* options);
// [family, where, port] each.
bool ReadSources(napi_env env, napi_value value, std::vector<BulkPlan::Source>* sources);
// 0, which is none, for what is no lane's number.
bool ReadLane(napi_env env, napi_value value, std::uint32_t* lane) noexcept;

}  // namespace pollout
