// What the bulk lane is told of an attempt, and what it tells: packages/core/src/backend/bulk.ts.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "closing.h"
#include "shared_numbers.h"
#include "socket.h"
#include "unique_fd.h"

namespace pollout {

struct BulkAttempt {
  std::uint32_t id;
  std::uint16_t ip_version;
  std::uint16_t port;
  std::uint32_t scope;
  std::uint16_t source;
  std::uint16_t source_port;
  std::array<std::uint8_t, 16> address;
  double timeout_ms;
  double start_at;
};
static_assert(offsetof(BulkAttempt, id) == AttemptField::kId);
static_assert(offsetof(BulkAttempt, ip_version) == AttemptField::kIpVersion);
static_assert(offsetof(BulkAttempt, port) == AttemptField::kPort);
static_assert(offsetof(BulkAttempt, scope) == AttemptField::kScope);
static_assert(offsetof(BulkAttempt, source) == AttemptField::kSource);
static_assert(offsetof(BulkAttempt, source_port) == AttemptField::kSourcePort);
static_assert(offsetof(BulkAttempt, address) == AttemptField::kAddress);
static_assert(offsetof(BulkAttempt, timeout_ms) == AttemptField::kTimeoutMs);
static_assert(offsetof(BulkAttempt, start_at) == AttemptField::kStartAt);
static_assert(sizeof(BulkAttempt) == kAttemptBytes);

// A connected socket on its way to JavaScript; reset if it does not get there. `count` counts it as
// long as nobody else does.
class KeptSocket {
 public:
  KeptSocket() noexcept = default;
  // `lost`: the errno by which its connection was lost already, or 0.
  KeptSocket(UniqueFd fd, SocketKind kind, int lost, std::atomic<std::int64_t>& count) noexcept
      : fd_(std::move(fd)), kind_(kind), lost_(lost), count_(&count) {
    count_->fetch_add(1, std::memory_order_relaxed);
  }
  KeptSocket(KeptSocket&&) noexcept = default;
  KeptSocket& operator=(KeptSocket&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::move(other.fd_);
      kind_ = other.kind_;
      lost_ = other.lost_;
      count_ = other.count_;
    }
    return *this;
  }
  KeptSocket(const KeptSocket&) = delete;
  KeptSocket& operator=(const KeptSocket&) = delete;
  ~KeptSocket() { Reset(); }

  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  SocketKind kind() const noexcept { return kind_; }
  int lost() const noexcept { return lost_; }
  UniqueFd Take() noexcept {
    count_->fetch_sub(1, std::memory_order_relaxed);
    return std::move(fd_);
  }

 private:
  void Reset() noexcept {
    if (!fd_) return;
    PrepareClose(fd_.get(), kind_, false, true);
    Take().Reset();
  }

  UniqueFd fd_;
  SocketKind kind_;
  int lost_ = 0;
  std::atomic<std::int64_t>* count_ = nullptr;
};

struct BulkFields {
  double id;
  double status;
  double step;
  double handle;
  double started_at;
  double sent_at;
  double ready_at;
  double ended_at;
};
static_assert(offsetof(BulkFields, id) == OutcomeField::kId * sizeof(double));
static_assert(offsetof(BulkFields, status) == OutcomeField::kStatus * sizeof(double));
static_assert(offsetof(BulkFields, step) == OutcomeField::kStep * sizeof(double));
static_assert(offsetof(BulkFields, handle) == OutcomeField::kHandle * sizeof(double));
static_assert(offsetof(BulkFields, started_at) == OutcomeField::kStartedAt * sizeof(double));
static_assert(offsetof(BulkFields, sent_at) == OutcomeField::kSentAt * sizeof(double));
static_assert(offsetof(BulkFields, ready_at) == OutcomeField::kReadyAt * sizeof(double));
static_assert(offsetof(BulkFields, ended_at) == OutcomeField::kEndedAt * sizeof(double));
static_assert(sizeof(BulkFields) == kOutcomeFields * sizeof(double));

struct BulkOutcome {
  BulkFields fields;
  KeptSocket kept;
};

}  // namespace pollout
