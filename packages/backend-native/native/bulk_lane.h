// BulkLane: what the threads know in common of one lane: its plan, its queue and its outcomes.
//
// One mutex guards all that changes. It is held for the time of a copy: of one attempt on the way
// in, of a batch of outcomes on the way out.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "bulk_records.h"
#include "socket_address.h"

namespace pollout {

struct BulkPlan {
  struct Option {
    int level;
    int option;
    std::vector<std::uint8_t> value;
  };
  struct Source {
    SocketAddress address;
    // 0, or the negated errno that bind(2) with this text would give.
    int invalid = 0;
  };

  OnConnected on_connected = OnConnected::kReset;
  std::vector<Option> inet;
  std::vector<Option> inet6;
  std::vector<Source> sources;
  // Between two starts that have a time.
  double interval_ms = 0;
  // What MonotonicNs() says at the zero of all times of JavaScript.
  double origin_ms = 0;

  const std::vector<Option>& OptionsFor(sa_family_t family) const noexcept;
  // Whether it sets SO_LINGER.
  bool MayLinger() const noexcept;
};

class BulkLane {
 public:
  // `engines`: among how many the attempts in flight are divided.
  BulkLane(BulkPlan plan, std::uint32_t limit, std::uint32_t engines);
  BulkLane(const BulkLane&) = delete;
  BulkLane& operator=(const BulkLane&) = delete;
  ~BulkLane() = default;

  const BulkPlan& plan() const noexcept { return plan_; }
  // SO_LINGER may be on.
  bool may_linger() const noexcept { return may_linger_; }

  // How many that engine may have in flight.
  std::uint32_t ShareOf(std::uint32_t engine) const noexcept;

  // From JavaScript's thread.
  // `records`: `count` attempts, in their bytes.
  void Submit(const std::uint8_t* records, std::size_t count);
  void Limit(std::uint32_t most);
  // Drops what is queued. Nothing is started any more.
  void Cancel();
  // Moves outcomes to the end of `into`, `most` at most.
  void TakeOutcomes(std::vector<BulkOutcome>* into, std::size_t most);

  // From the engines.
  enum class Next : std::uint8_t {
    // Here it is.
    kAttempt,
    // The queue is empty.
    kNone,
    // Its time comes later.
    kLater,
    // Something had run out: none before Limit().
    kHalted,
  };
  // The first in the queue, if there is one and its time has come; else when that will be.
  Next TakeNext(std::uint64_t now_ns, BulkAttempt* attempt, std::uint64_t* due_ns);
  void Halt();
  // Takes all of `outcomes`. How many wait now.
  std::size_t Tell(std::vector<BulkOutcome>* outcomes);

 private:
  const BulkPlan plan_;
  const std::uint32_t engines_;
  const std::uint64_t interval_ns_;
  const bool may_linger_;
  std::atomic<std::uint32_t> limit_;

  std::mutex mutex_;
  std::vector<BulkAttempt> queue_;
  // In the queue, the first that has not been started.
  std::size_t next_ = 0;
  std::vector<BulkOutcome> outcomes_;
  std::size_t untold_ = 0;
  // When the last start that had a time was due.
  std::uint64_t last_due_ns_ = 0;
  bool halted_ = false;
  bool cancelled_ = false;
};

}  // namespace pollout
