// The calls of the exchange lanes: their arguments, read and checked.
#include "exchange_calls.h"

#include <napi.h>

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "address_arguments.h"
#include "backend.h"
#include "exchange_lanes.h"
#include "lane_arguments.h"

namespace pollout {

namespace {

constexpr std::uint32_t kMaxPeers = UINT16_MAX;
constexpr std::uint32_t kMaxRequests = UINT16_MAX;
constexpr std::uint32_t kMaxParts = UINT16_MAX;
constexpr std::uint32_t kMaxExchangeThreads = 64;
// A century; in nanoseconds that is still a number.
constexpr double kMaxExchangeStartMs = 4e12;
// What a double counts exactly.
constexpr double kMaxWhole = 9007199254740991;
// Digits of a number of 64 bits.
constexpr std::uint32_t kMaxDigits = 20;
constexpr std::uint32_t kMaxTextWidth = 1U << 24U;
// Behind it stands the length.
constexpr double kMaxLengthAt = 1024;

// Where the numbers of a lane stand in their array: src/native-exchanges.ts writes it.
enum class Number : std::uint8_t {
  kConnections,
  kEager,
  kExchangesPerConnection,
  kDepth,
  kSeed,
  kLeastCode,
  kMostCode,
  kMaxResponseBytes,
  kConnectTimeoutMs,
  kTimeoutMs,
  kResets,
  kKernelTimes,
  kThreads,
  kFraming,
  kFixedBytes,
  kLengthAt,
  kLengthSize,
  kLittleEndian,
  kAdjust,
  kHead,
  kCount,
};
constexpr auto kNumbers = static_cast<std::size_t>(Number::kCount);

// The numbers, read one by one; the first that cannot be is remembered.
class Numbers {
 public:
  explicit Numbers(const double* given) noexcept : given_(given) {}

  double Real(Number which, double least, double most) noexcept {
    const double value = given_[static_cast<std::size_t>(which)];
    // Written so that NaN fails too.
    if (value >= least && value <= most) return value;
    sound_ = false;
    return least;
  }
  std::uint64_t Whole(Number which, double least, double most) noexcept {
    return static_cast<std::uint64_t>(std::floor(Real(which, least, most)));
  }
  // Infinity: UINT64_MAX.
  std::uint64_t WholeOrNone(Number which) noexcept {
    if (std::isinf(given_[static_cast<std::size_t>(which)])) return UINT64_MAX;
    return Whole(which, 1, kMaxWhole);
  }
  bool Flag(Number which) noexcept { return Real(which, 0, 1) != 0; }
  bool sound() const noexcept { return sound_; }

 private:
  const double* given_;
  bool sound_ = true;
};

void ReadNumbers(Numbers& given, ExchangePlan* plan, std::uint32_t* threads) noexcept {
  constexpr double kInfinity = HUGE_VAL;
  plan->connections = static_cast<std::uint32_t>(given.Whole(Number::kConnections, 1, INT32_MAX));
  plan->eager = given.Flag(Number::kEager);
  plan->exchanges_per_connection = given.WholeOrNone(Number::kExchangesPerConnection);
  plan->depth = static_cast<std::uint32_t>(given.Whole(Number::kDepth, 1, INT32_MAX));
  plan->seed = given.Whole(Number::kSeed, 0, UINT32_MAX);
  plan->least_code = static_cast<std::uint32_t>(given.Whole(Number::kLeastCode, 0, UINT32_MAX));
  plan->most_code = static_cast<std::uint32_t>(given.Whole(Number::kMostCode, 0, UINT32_MAX));
  plan->max_response_bytes = given.WholeOrNone(Number::kMaxResponseBytes);
  plan->connect_timeout_ms = given.Real(Number::kConnectTimeoutMs, 0, kInfinity);
  plan->timeout_ms = given.Real(Number::kTimeoutMs, 0, kInfinity);
  plan->resets = given.Flag(Number::kResets);
  plan->kernel_times = given.Flag(Number::kKernelTimes);
  *threads = static_cast<std::uint32_t>(given.Whole(Number::kThreads, 1, kMaxExchangeThreads));
  constexpr auto kLastKind = static_cast<double>(ResponseFraming::Kind::kHttp1);
  ResponseFraming& framing = plan->framing;
  framing.kind = static_cast<ResponseFraming::Kind>(given.Whole(Number::kFraming, 0, kLastKind));
  framing.bytes = given.Whole(Number::kFixedBytes, 1, kMaxWhole);
  framing.at = static_cast<std::uint32_t>(given.Whole(Number::kLengthAt, 0, kMaxLengthAt));
  framing.size = static_cast<std::uint32_t>(given.Whole(Number::kLengthSize, 1, 4));
  framing.little_endian = given.Flag(Number::kLittleEndian);
  framing.adjust =
      static_cast<std::int64_t>(given.Real(Number::kAdjust, -kMaxLengthAt, kMaxLengthAt));
  framing.head = given.Flag(Number::kHead);
}

// [family, where, port] each.
bool ReadPeers(napi_env env, napi_value value, std::vector<ExchangePlan::Peer>* peers) {
  return ReadArray(env, value, "peers", kMaxPeers, [env, peers](const Napi::Array& given) {
    ExchangePlan::Peer peer{};
    const Napi::Value family = given.Get(0U);
    const Napi::Value where = given.Get(1U);
    const Napi::Value port = given.Get(2U);
    if (!ReadAddress(env, family, where, port, &peer.address, &peer.invalid)) return false;
    std::uint32_t number = 0;
    if (!ReadInteger(env, family, "family", 0, kMaxFamily, &number)) return false;
    peer.kind.family = static_cast<sa_family_t>(number);
    peer.kind.type = SOCK_STREAM;
    peers->push_back(peer);
    return true;
  });
}

// [kind, first, count, width, bytes]
bool ReadPart(napi_env env, const Napi::Array& given, RequestPlan::Part* part) {
  constexpr auto kLastKind = static_cast<std::uint32_t>(RequestPlan::Part::Kind::kText);
  const Napi::Value kind_value = given.Get(0U);
  const Napi::Value first_value = given.Get(1U);
  const Napi::Value count_value = given.Get(2U);
  const Napi::Value width_value = given.Get(3U);
  const Napi::Value bytes_value = given.Get(4U);
  std::uint32_t kind = 0;
  double first = 0;
  double count = 0;
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  if (!ReadInteger(env, kind_value, "kind", 0, kLastKind, &kind) ||
      !ReadNumber(env, first_value, "first", &first) ||
      !ReadNumber(env, count_value, "count", &count) ||
      !ReadInteger(env, width_value, "width", 0, kMaxTextWidth, &part->width) ||
      !ReadBytes(env, bytes_value, "bytes", &bytes, &size)) {
    return false;
  }
  part->kind = static_cast<RequestPlan::Part::Kind>(kind);
  const bool is_text = part->kind == RequestPlan::Part::Kind::kText;
  const bool is_sound = first >= 0 && first <= kMaxWhole && count >= 0 && count <= kMaxWhole &&
                        (is_text || part->width <= kMaxDigits);
  if (!is_sound) {
    ThrowRange(env, "requests", "of parts that can be written");
    return false;
  }
  part->first = static_cast<std::uint64_t>(first);
  part->count = static_cast<std::uint64_t>(count);
  part->bytes.assign(bytes, bytes + size);
  return true;
}

bool ReadRequests(napi_env env, napi_value value, std::vector<RequestPlan>* requests) {
  return ReadArray(env, value, "requests", kMaxRequests, [env, requests](const Napi::Array& given) {
    RequestPlan request;
    const bool read =
        ReadArray(env, given, "parts", kMaxParts, [env, &request](const Napi::Array& fields) {
          RequestPlan::Part part;
          if (!ReadPart(env, fields, &part)) return false;
          request.parts.push_back(std::move(part));
          return true;
        });
    if (read) requests->push_back(std::move(request));
    return read;
  });
}

bool ReadMatcher(napi_env env, napi_value value, const char* name, ByteMatcher* matcher) {
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  if (!ReadBytes(env, value, name, &bytes, &size)) return false;
  *matcher = ByteMatcher({bytes, bytes + size});
  return true;
}

bool AreExchangesSound(const double* records, std::size_t count, std::size_t requests) noexcept {
  for (std::size_t index = 0; index < count; ++index) {
    const double start = records[(index * kExchangeFields) + ExchangeField::kStartAt];
    const double request = records[(index * kExchangeFields) + ExchangeField::kRequest];
    // Written so that NaN fails too.
    const bool is_sound = start >= 0 && start <= kMaxExchangeStartMs && request >= 0 &&
                          request < static_cast<double>(requests);
    if (!is_sound) return false;
  }
  return true;
}

}  // namespace

napi_value CallOpenExchanges(napi_env env, napi_callback_info info) {
  const CallArguments<11> call(env, info);
  ExchangePlan plan;
  double* numbers = nullptr;
  std::size_t number_count = 0;
  if (!ReadPeers(env, call[0], &plan.peers) ||
      !ReadOptions(env, call[1], "options.inet", &plan.inet) ||
      !ReadOptions(env, call[2], "options.inet6", &plan.inet6) ||
      !ReadOptions(env, call[3], "options.unix", &plan.local) ||
      !ReadSources(env, call[4], &plan.sources) ||
      !ReadDoubles(env, call[5], "numbers", &numbers, &number_count) ||
      !ReadRequests(env, call[6], &plan.requests) ||
      !ReadMatcher(env, call[7], "delimiter", &plan.framing.delimiter) ||
      !ReadMatcher(env, call[8], "includes", &plan.includes)) {
    return nullptr;
  }
  if (number_count != kNumbers || plan.peers.empty() || plan.requests.empty()) {
    ThrowRange(env, "options", "whole: peers, numbers and requests");
    return nullptr;
  }
  Numbers given(numbers);
  std::uint32_t threads = 1;
  ReadNumbers(given, &plan, &threads);
  if (!given.sound()) {
    ThrowRange(env, "numbers", "sound");
    return nullptr;
  }
  const Napi::Value exchanges(env, call[9]);
  const Napi::Value connections(env, call[10]);
  if (!exchanges.IsFunction() || !connections.IsFunction()) {
    ThrowType(env, "sink", "two functions");
    return nullptr;
  }
  Backend& backend = call.backend();
  plan.origin_ms = backend.origin_ms();
  const std::int64_t lane = backend.exchange_lanes().Open(env, backend.loop(), std::move(plan),
                                                          threads, exchanges.As<Napi::Function>(),
                                                          connections.As<Napi::Function>());
  return lane == 0 ? nullptr : Result(env, lane);
}

napi_value CallSubmitExchanges(napi_env env, napi_callback_info info) {
  const CallArguments<3> call(env, info);
  std::uint32_t number = 0;
  std::uint32_t count = 0;
  double* records = nullptr;
  std::size_t size = 0;
  if (!ReadLane(env, call[0], &number) ||
      !ReadDoubles(env, call[1], "exchanges", &records, &size) ||
      !ReadInteger(env, call[2], "count", 0, UINT32_MAX, &count)) {
    return nullptr;
  }
  if (count > size / kExchangeFields) {
    ThrowRange(env, "count", "no more than \"exchanges\" holds");
    return nullptr;
  }
  ExchangeLanes& lanes = call.backend().exchange_lanes();
  const ExchangePlan* plan = lanes.Find(number);
  if (plan == nullptr) return nullptr;
  if (AreExchangesSound(records, count, plan->requests.size())) {
    lanes.Submit(number, records, count);
  } else {
    ThrowRange(env, "exchanges", "sound: start and request");
  }
  return nullptr;
}

napi_value CallStopExchanges(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  std::uint32_t lane = 0;
  if (ReadLane(env, call[0], &lane)) call.backend().exchange_lanes().Stop(lane);
  return nullptr;
}

napi_value CallCancelExchanges(napi_env env, napi_callback_info info) {
  const CallArguments<1> call(env, info);
  std::uint32_t lane = 0;
  if (ReadLane(env, call[0], &lane)) call.backend().exchange_lanes().Cancel(lane);
  return nullptr;
}

}  // namespace pollout
