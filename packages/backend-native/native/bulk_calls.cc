// The calls of the bulk lanes: their arguments, read and checked.
#include "bulk_calls.h"

#include <napi.h>

#include <cstring>
#include <utility>
#include <vector>

#include "backend.h"
#include "bulk_lanes.h"
#include "call_arguments.h"
#include "lane_arguments.h"

namespace pollout {

namespace {

constexpr std::uint32_t kMaxLimit = INT32_MAX;
constexpr double kMaxIntervalMs = 86'400'000;
// A century; in nanoseconds that is still a number.
constexpr double kMaxStartAtMs = 4e12;
constexpr auto kMaxOnConnected = static_cast<std::uint32_t>(OnConnected::kReset);

// Written so that NaN fails too.
bool IsSound(const BulkAttempt& attempt, std::size_t sources) noexcept {
  return (attempt.ip_version == 4 || attempt.ip_version == 6) && attempt.source <= sources &&
         attempt.timeout_ms >= 0 && attempt.start_at >= 0 && attempt.start_at <= kMaxStartAtMs;
}

// The bytes may stand anywhere.
bool AreSound(const std::uint8_t* records, std::size_t count, std::size_t sources) noexcept {
  for (std::size_t index = 0; index < count; ++index) {
    BulkAttempt attempt{};
    std::memcpy(&attempt, records + (index * sizeof(attempt)), sizeof(attempt));
    if (!IsSound(attempt, sources)) return false;
  }
  return true;
}

}  // namespace

napi_value CallOpenLane(napi_env env, napi_callback_info info) {
  const CallArguments<7> call(env, info);
  std::uint32_t limit = 0;
  std::uint32_t on_connected = 0;
  BulkPlan plan;
  if (!ReadInteger(env, call[0], "limit", 1, kMaxLimit, &limit) ||
      !ReadInteger(env, call[1], "onConnected", 0, kMaxOnConnected, &on_connected) ||
      !ReadOptions(env, call[2], "options.inet", &plan.inet) ||
      !ReadOptions(env, call[3], "options.inet6", &plan.inet6) ||
      !ReadSources(env, call[4], &plan.sources) ||
      !ReadNumber(env, call[5], "intervalMs", &plan.interval_ms)) {
    return nullptr;
  }
  // Written so that NaN fails too.
  if (!(plan.interval_ms >= 0 && plan.interval_ms <= kMaxIntervalMs)) {
    ThrowRange(env, "intervalMs", "a number of milliseconds, from 0 to a day");
    return nullptr;
  }
  const Napi::Value sink(env, call[6]);
  if (!sink.IsFunction()) {
    ThrowType(env, "outcomes", "a function");
    return nullptr;
  }
  Backend& backend = call.backend();
  plan.on_connected = static_cast<OnConnected>(on_connected);
  plan.origin_ms = backend.origin_ms();
  const std::int64_t lane =
      backend.lanes().Open(env, backend.loop(), std::move(plan), limit, sink.As<Napi::Function>());
  return lane == 0 ? nullptr : Result(env, lane);
}

napi_value CallSubmit(napi_env env, napi_callback_info info) {
  const CallArguments<3> call(env, info);
  std::uint32_t number = 0;
  std::uint8_t* records = nullptr;
  std::size_t size = 0;
  std::uint32_t count = 0;
  if (!ReadLane(env, call[0], &number) || !ReadBytes(env, call[1], "attempts", &records, &size) ||
      !ReadInteger(env, call[2], "count", 0, UINT32_MAX, &count)) {
    return nullptr;
  }
  if (count > size / sizeof(BulkAttempt)) {
    ThrowRange(env, "count", "no more than \"attempts\" holds");
    return nullptr;
  }
  BulkLanes& lanes = call.backend().lanes();
  const BulkLane* lane = lanes.Find(number);
  if (lane == nullptr) return nullptr;
  if (AreSound(records, count, lane->plan().sources.size())) {
    lanes.Submit(number, records, count);
  } else {
    ThrowRange(env, "attempts", "sound: IP version, source, timeout and start");
  }
  return nullptr;
}

napi_value CallLimit(napi_env env, napi_callback_info info) {
  const CallArguments<2> call(env, info);
  std::uint32_t lane = 0;
  std::uint32_t most = 0;
  if (!ReadLane(env, call[0], &lane) || !ReadInteger(env, call[1], "most", 1, kMaxLimit, &most)) {
    return nullptr;
  }
  call.backend().lanes().Limit(lane, most);
  return nullptr;
}

napi_value CallCancel(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  std::uint32_t lane = 0;
  if (!ReadLane(env, call[0], &lane)) return nullptr;
  call.backend().lanes().Cancel(lane);
  return nullptr;
}

}  // namespace pollout
