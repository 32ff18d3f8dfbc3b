// What the exchange lane is told, and what it tells: packages/core/src/backend/exchange.ts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bulk_lane.h"
#include "byte_matcher.h"
#include "response_reader.h"
#include "shared_numbers.h"
#include "socket.h"
#include "socket_address.h"

namespace pollout {

// One request, as it is made anew each time.
struct RequestPlan {
  struct Part {
    enum class Kind : std::uint8_t { kBytes, kCounter, kNumber, kText };

    Kind kind = Kind::kBytes;
    // Of kBytes.
    std::vector<std::uint8_t> bytes;
    // Where it counts from, or the least number.
    std::uint64_t first = 0;
    // Of kNumber: how many numbers there are.
    std::uint64_t count = 0;
    // Characters.
    std::uint32_t width = 0;
  };

  std::vector<Part> parts;

  // Appends the request with that number to `into`. Chance comes from `seed`, the number and the
  // part, so it is the same on whichever thread, and in whatever order.
  void Write(std::uint64_t id, std::uint64_t seed, std::vector<std::uint8_t>* into) const;
};

struct ExchangePlan {
  struct Peer {
    SocketAddress address;
    SocketKind kind;
    // 0, or the negated errno that connect(2) with this text would give.
    int invalid = 0;
  };

  std::vector<Peer> peers;
  std::vector<BulkPlan::Option> inet;
  std::vector<BulkPlan::Option> inet6;
  std::vector<BulkPlan::Option> local;
  std::vector<BulkPlan::Source> sources;
  std::uint32_t connections = 1;
  bool eager = false;
  // UINT64_MAX: never closed for that.
  std::uint64_t exchanges_per_connection = UINT64_MAX;
  std::uint32_t depth = 1;
  std::vector<RequestPlan> requests;
  std::uint64_t seed = 0;
  ResponseFraming framing;
  // Of a response that is wanted.
  std::uint32_t least_code = 0;
  std::uint32_t most_code = UINT32_MAX;
  ByteMatcher includes{{}};
  std::uint64_t max_response_bytes = UINT64_MAX;
  double connect_timeout_ms = 0;
  double timeout_ms = 0;
  bool resets = false;
  bool kernel_times = false;
  double origin_ms = 0;

  const std::vector<BulkPlan::Option>& OptionsFor(sa_family_t family) const noexcept {
    if (family == AF_INET6) return inet6;
    return family == AF_UNIX ? local : inet;
  }
};

struct ExchangeFields {
  double id;
  double end;
  double status;
  double request;
  double connection;
  double intended_at;
  double free_at;
  double sent_at;
  double first_at;
  double received_at;
  double done_at;
  double bytes;
  double code;
};
static_assert(offsetof(ExchangeFields, id) == ExchangeOutcomeField::kId * sizeof(double));
static_assert(offsetof(ExchangeFields, end) == ExchangeOutcomeField::kEnd * sizeof(double));
static_assert(offsetof(ExchangeFields, status) == ExchangeOutcomeField::kStatus * sizeof(double));
static_assert(offsetof(ExchangeFields, request) == ExchangeOutcomeField::kRequest * sizeof(double));
static_assert(offsetof(ExchangeFields, connection) ==
              ExchangeOutcomeField::kConnection * sizeof(double));
static_assert(offsetof(ExchangeFields, intended_at) ==
              ExchangeOutcomeField::kIntendedAt * sizeof(double));
static_assert(offsetof(ExchangeFields, free_at) == ExchangeOutcomeField::kFreeAt * sizeof(double));
static_assert(offsetof(ExchangeFields, sent_at) == ExchangeOutcomeField::kSentAt * sizeof(double));
static_assert(offsetof(ExchangeFields, first_at) ==
              ExchangeOutcomeField::kFirstAt * sizeof(double));
static_assert(offsetof(ExchangeFields, received_at) ==
              ExchangeOutcomeField::kReceivedAt * sizeof(double));
static_assert(offsetof(ExchangeFields, done_at) == ExchangeOutcomeField::kDoneAt * sizeof(double));
static_assert(offsetof(ExchangeFields, bytes) == ExchangeOutcomeField::kBytes * sizeof(double));
static_assert(offsetof(ExchangeFields, code) == ExchangeOutcomeField::kCode * sizeof(double));
static_assert(sizeof(ExchangeFields) == kExchangeOutcomeFields * sizeof(double));

struct ConnectionFields {
  double id;
  double event;
  double status;
  double step;
  double peer;
  double started_at;
  double sent_at;
  double ready_at;
  double ended_at;
  double exchanges;
};
static_assert(offsetof(ConnectionFields, id) == ConnectionField::kId * sizeof(double));
static_assert(offsetof(ConnectionFields, event) == ConnectionField::kEvent * sizeof(double));
static_assert(offsetof(ConnectionFields, status) == ConnectionField::kStatus * sizeof(double));
static_assert(offsetof(ConnectionFields, step) == ConnectionField::kStep * sizeof(double));
static_assert(offsetof(ConnectionFields, peer) == ConnectionField::kPeer * sizeof(double));
static_assert(offsetof(ConnectionFields, started_at) ==
              ConnectionField::kStartedAt * sizeof(double));
static_assert(offsetof(ConnectionFields, sent_at) == ConnectionField::kSentAt * sizeof(double));
static_assert(offsetof(ConnectionFields, ready_at) == ConnectionField::kReadyAt * sizeof(double));
static_assert(offsetof(ConnectionFields, ended_at) == ConnectionField::kEndedAt * sizeof(double));
static_assert(offsetof(ConnectionFields, exchanges) ==
              ConnectionField::kExchanges * sizeof(double));
static_assert(sizeof(ConnectionFields) == kConnectionFields * sizeof(double));

}  // namespace pollout
