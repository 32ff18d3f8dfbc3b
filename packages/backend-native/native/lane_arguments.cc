// Arguments that lanes are opened with: options, sources.
#include "lane_arguments.h"

#include "address_arguments.h"

namespace pollout {

namespace {

// A record names its source by 16 bits, counted from 1.
constexpr std::uint32_t kMaxSources = UINT16_MAX;

}  // namespace

bool ReadOptions(napi_env env, napi_value value, const char* name,
                 std::vector<BulkPlan::Option>* options) {
  return ReadArray(env, value, name, UINT16_MAX, [env, options](const Napi::Array& given) {
    std::uint32_t level = 0;
    std::uint32_t option = 0;
    std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    const Napi::Value first = given.Get(0U);
    const Napi::Value second = given.Get(1U);
    const Napi::Value third = given.Get(2U);
    if (!ReadInteger(env, first, "level", 0, INT32_MAX, &level) ||
        !ReadInteger(env, second, "option", 0, INT32_MAX, &option) ||
        !ReadBytes(env, third, "value", &bytes, &size)) {
      return false;
    }
    options->push_back({static_cast<int>(level), static_cast<int>(option), {bytes, bytes + size}});
    return true;
  });
}

bool ReadSources(napi_env env, napi_value value, std::vector<BulkPlan::Source>* sources) {
  return ReadArray(env, value, "sources", kMaxSources, [env, sources](const Napi::Array& given) {
    BulkPlan::Source source{};
    const Napi::Value family = given.Get(0U);
    const Napi::Value where = given.Get(1U);
    const Napi::Value port = given.Get(2U);
    if (!ReadAddress(env, family, where, port, &source.address, &source.invalid)) return false;
    sources->push_back(source);
    return true;
  });
}

bool ReadLane(napi_env env, napi_value value, std::uint32_t* lane) noexcept {
  double number = 0;
  if (!ReadNumber(env, value, "lane", &number)) return false;
  const bool possible = number >= 1 && number <= UINT32_MAX;
  *lane = possible ? static_cast<std::uint32_t>(number) : 0;
  if (static_cast<double>(*lane) != number) *lane = 0;
  return true;
}

}  // namespace pollout
