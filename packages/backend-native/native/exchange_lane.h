// ExchangeLane: what the threads know in common of one lane: its plan, its queue and its outcomes.
//
// One mutex guards all that changes. It is held for the time of a copy.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "exchange_records.h"
#include "monotonic_clock.h"

namespace pollout {

class ExchangeLane {
 public:
  struct Submitted {
    std::uint64_t id = 0;
    std::uint32_t request = 0;
    // Not before; 0: at once.
    std::uint64_t start_ns = 0;
    // Its time had come, and somebody had looked; 0 until then.
    std::uint64_t seen_ns = 0;
  };

  // What an engine may find.
  struct Look {
    // With a time that has come, or without one.
    std::size_t due = 0;
    // When the first one that is due has waited for too long; kNoDeadline where none is.
    std::uint64_t expires_ns = kNoDeadline;
    // When the next one is due; kNoDeadline where none will be.
    std::uint64_t next_ns = kNoDeadline;
  };

  // `engines`: among how many the connections are divided.
  ExchangeLane(ExchangePlan plan, std::uint32_t engines);
  ExchangeLane(const ExchangeLane&) = delete;
  ExchangeLane& operator=(const ExchangeLane&) = delete;
  ~ExchangeLane() = default;

  const ExchangePlan& plan() const noexcept { return plan_; }
  // How many connections that engine may have.
  std::uint32_t ShareOf(std::uint32_t engine) const noexcept;
  std::uint64_t timeout_ns() const noexcept { return timeout_ns_; }

  // From JavaScript's thread.
  // `records`: (start, request) each, sound.
  void Submit(const double* records, std::size_t count);
  // What is queued is told as stopped.
  void Stop();
  bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }
  // Moves outcomes to the end of either, `most` at most of each. Whether some are left.
  bool Take(std::vector<ExchangeFields>* exchanges, std::vector<ConnectionFields>* connections,
            std::size_t most);

  // From the engines.
  Look LookAt(std::uint64_t now_ns);
  // The first, if it is due. It is the caller's to tell of.
  bool TakeDue(std::uint64_t now_ns, Submitted* exchange);
  // The same where it was due, and has waited for longer than its timeout.
  bool TakeExpired(std::uint64_t now_ns, Submitted* exchange);
  std::uint64_t NextConnection() noexcept { return connections_made_.fetch_add(1); }
  // Takes all of both. How many wait now.
  std::size_t Tell(std::vector<ExchangeFields>* exchanges,
                   std::vector<ConnectionFields>* connections);

  // As one that has never been sent is told.
  ExchangeFields Unsent(const Submitted& exchange, ExchangeEnd end, int status,
                        std::uint64_t now_ns) const noexcept;

 private:
  // Under the mutex: notes which have become due.
  void See(std::uint64_t now_ns);

  const ExchangePlan plan_;
  const std::uint32_t engines_;
  const std::uint64_t timeout_ns_;
  std::atomic<std::uint64_t> connections_made_{0};
  std::atomic<bool> stopped_{false};

  std::mutex mutex_;
  std::vector<Submitted> queue_;
  // In the queue: the first that nobody has taken, and the first that was not due when somebody
  // looked last.
  std::size_t next_ = 0;
  std::size_t unseen_ = 0;
  std::uint64_t submitted_ = 0;
  std::vector<ExchangeFields> exchanges_;
  std::size_t untold_exchanges_ = 0;
  std::vector<ConnectionFields> connections_;
  std::size_t untold_connections_ = 0;
};

}  // namespace pollout
