// The numbers that the addon and TypeScript both go by. Made from the TypeScript, and held against
// it, by test/shared-numbers.test.ts, which says how to make it anew.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pollout {

// core/src/backend/readiness.ts
struct Interest {
  static constexpr std::uint32_t kReadable = 1;
  static constexpr std::uint32_t kWritable = 2;
};

struct Readiness {
  static constexpr std::uint32_t kReadable = 1;
  static constexpr std::uint32_t kWritable = 2;
  static constexpr std::uint32_t kError = 4;
  static constexpr std::uint32_t kHangup = 8;
};

// core/src/backend/backend.ts
struct ConnectStatus {
  static constexpr int kConnected = 0;
  static constexpr int kPending = 1;
  static constexpr int kSelfConnected = 2;
  static constexpr int kLost = 65536;
};

// core/src/backend/bulk.ts
struct AttemptField {
  static constexpr std::size_t kId = 0;
  static constexpr std::size_t kIpVersion = 4;
  static constexpr std::size_t kPort = 6;
  static constexpr std::size_t kScope = 8;
  static constexpr std::size_t kSource = 12;
  static constexpr std::size_t kSourcePort = 14;
  static constexpr std::size_t kAddress = 16;
  static constexpr std::size_t kTimeoutMs = 32;
  static constexpr std::size_t kStartAt = 40;
};

constexpr std::size_t kAttemptBytes = 48;

struct OutcomeField {
  static constexpr std::size_t kId = 0;
  static constexpr std::size_t kStatus = 1;
  static constexpr std::size_t kStep = 2;
  static constexpr std::size_t kHandle = 3;
  static constexpr std::size_t kStartedAt = 4;
  static constexpr std::size_t kSentAt = 5;
  static constexpr std::size_t kReadyAt = 6;
  static constexpr std::size_t kEndedAt = 7;
};

constexpr std::size_t kOutcomeFields = 8;

enum class BulkStep : std::uint8_t {
  kSocket = 0,
  kSetsockopt = 1,
  kBind = 2,
  kConnect = 3,
  kEpollCtl = 4,
  kDeadline = 5,
  kSoError = 6,
};

constexpr int kBulkSelfConnected = 1;
constexpr std::uint64_t kMakeUpMs = 10;

// core/src/backend/exchange.ts
struct ExchangeField {
  static constexpr std::size_t kStartAt = 0;
  static constexpr std::size_t kRequest = 1;
};

constexpr std::size_t kExchangeFields = 2;

struct ExchangeOutcomeField {
  static constexpr std::size_t kId = 0;
  static constexpr std::size_t kEnd = 1;
  static constexpr std::size_t kStatus = 2;
  static constexpr std::size_t kRequest = 3;
  static constexpr std::size_t kConnection = 4;
  static constexpr std::size_t kIntendedAt = 5;
  static constexpr std::size_t kFreeAt = 6;
  static constexpr std::size_t kSentAt = 7;
  static constexpr std::size_t kFirstAt = 8;
  static constexpr std::size_t kReceivedAt = 9;
  static constexpr std::size_t kDoneAt = 10;
  static constexpr std::size_t kBytes = 11;
  static constexpr std::size_t kCode = 12;
};

constexpr std::size_t kExchangeOutcomeFields = 13;

enum class ExchangeEnd : std::uint8_t {
  kAnswered = 0,
  kUnwanted = 1,
  kUnsent = 2,
  kTimedOut = 3,
  kNotConnected = 4,
  kLost = 5,
  kCutShort = 6,
  kMalformed = 7,
  kTooLarge = 8,
  kStopped = 9,
};

struct ConnectionField {
  static constexpr std::size_t kId = 0;
  static constexpr std::size_t kEvent = 1;
  static constexpr std::size_t kStatus = 2;
  static constexpr std::size_t kStep = 3;
  static constexpr std::size_t kPeer = 4;
  static constexpr std::size_t kStartedAt = 5;
  static constexpr std::size_t kSentAt = 6;
  static constexpr std::size_t kReadyAt = 7;
  static constexpr std::size_t kEndedAt = 8;
  static constexpr std::size_t kExchanges = 9;
};

constexpr std::size_t kConnectionFields = 10;

enum class ConnectionEvent : std::uint8_t {
  kConnected = 0,
  kFailed = 1,
  kClosed = 2,
  kEndedByPeer = 3,
  kLost = 4,
  kUnasked = 5,
};

// src/native-bulk.ts
enum class OnConnected : std::uint8_t {
  kKeep = 0,
  kClose = 1,
  kReset = 2,
};

}  // namespace pollout
