// ExchangeLane: its queue, and its outcomes.
#include "exchange_lane.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "monotonic_clock.h"

namespace pollout {

namespace {

std::uint64_t TimeoutNs(double ms) noexcept { return DeadlineAfter(0, ms); }

std::uint64_t After(std::uint64_t now_ns, std::uint64_t timeout_ns) noexcept {
  return timeout_ns == kNoDeadline ? kNoDeadline : now_ns + timeout_ns;
}

// Moves `most` at most from `from`, where those before `untold` are gone. Whether some are left.
template <typename Fields>
bool TakeSome(std::vector<Fields>* from, std::size_t* untold, std::vector<Fields>* into,
              std::size_t most) {
  const std::size_t count = std::min(most, from->size() - *untold);
  const auto first = from->begin() + static_cast<std::ptrdiff_t>(*untold);
  into->insert(into->end(), first, first + static_cast<std::ptrdiff_t>(count));
  *untold += count;
  // Where JavaScript is the slower one, there are always some left: what was told makes room, once
  // that is most of it.
  if (*untold > from->size() / 2) {
    from->erase(from->begin(), from->begin() + static_cast<std::ptrdiff_t>(*untold));
    *untold = 0;
  }
  return *untold < from->size();
}

template <typename Fields>
void Append(std::vector<Fields>* from, std::vector<Fields>* into) {
  if (into->empty()) {
    into->swap(*from);
  } else {
    into->insert(into->end(), from->begin(), from->end());
    from->clear();
  }
}

}  // namespace

ExchangeLane::ExchangeLane(ExchangePlan plan, std::uint32_t engines)
    : plan_(std::move(plan)), engines_(engines), timeout_ns_(TimeoutNs(plan_.timeout_ms)) {}

std::uint32_t ExchangeLane::ShareOf(std::uint32_t engine) const noexcept {
  const std::uint32_t all = plan_.connections;
  return (all / engines_) + (engine < all % engines_ ? 1 : 0);
}

void ExchangeLane::Submit(const double* records, std::size_t count) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool is_late = stopped_.load(std::memory_order_relaxed);
  if (next_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(next_));
    unseen_ -= next_;
    next_ = 0;
  }
  for (std::size_t index = 0; index < count; ++index) {
    const double start_at = records[(index * kExchangeFields) + ExchangeField::kStartAt];
    Submitted exchange;
    exchange.id = submitted_++;
    exchange.request =
        static_cast<std::uint32_t>(records[(index * kExchangeFields) + ExchangeField::kRequest]);
    if (start_at > 0) {
      const double ms = std::max(0.0, start_at + plan_.origin_ms);
      exchange.start_ns = std::max<std::uint64_t>(
          1, static_cast<std::uint64_t>(ms * static_cast<double>(kNsPerMs)));
    }
    if (is_late) {
      exchanges_.push_back(Unsent(exchange, ExchangeEnd::kStopped, 0, MonotonicNs()));
    } else {
      queue_.push_back(exchange);
    }
  }
}

void ExchangeLane::Stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  stopped_.store(true, std::memory_order_relaxed);
  const std::uint64_t now = MonotonicNs();
  for (; next_ < queue_.size(); ++next_) {
    exchanges_.push_back(Unsent(queue_[next_], ExchangeEnd::kStopped, 0, now));
  }
  queue_ = {};
  next_ = 0;
  unseen_ = 0;
}

bool ExchangeLane::Take(std::vector<ExchangeFields>* exchanges,
                        std::vector<ConnectionFields>* connections, std::size_t most) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool more_exchanges = TakeSome(&exchanges_, &untold_exchanges_, exchanges, most);
  const bool more_connections = TakeSome(&connections_, &untold_connections_, connections, most);
  return more_exchanges || more_connections;
}

void ExchangeLane::See(std::uint64_t now_ns) {
  unseen_ = std::max(unseen_, next_);
  for (; unseen_ < queue_.size(); ++unseen_) {
    Submitted& exchange = queue_[unseen_];
    if (exchange.start_ns > now_ns) return;
    exchange.seen_ns = now_ns;
  }
}

ExchangeLane::Look ExchangeLane::LookAt(std::uint64_t now_ns) {
  const std::lock_guard<std::mutex> lock(mutex_);
  See(now_ns);
  Look look;
  look.due = unseen_ - next_;
  if (unseen_ < queue_.size()) look.next_ns = queue_[unseen_].start_ns;
  // One without a time waits for nobody but its own queue.
  if (look.due > 0 && queue_[next_].start_ns > 0) {
    look.expires_ns = After(queue_[next_].seen_ns, timeout_ns_);
  }
  return look;
}

bool ExchangeLane::TakeDue(std::uint64_t now_ns, Submitted* exchange) {
  const std::lock_guard<std::mutex> lock(mutex_);
  See(now_ns);
  if (next_ == unseen_) return false;
  *exchange = queue_[next_++];
  if (exchange->start_ns == 0) exchange->seen_ns = now_ns;
  return true;
}

bool ExchangeLane::TakeExpired(std::uint64_t now_ns, Submitted* exchange) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (next_ >= unseen_ || queue_[next_].start_ns == 0) return false;
  if (After(queue_[next_].seen_ns, timeout_ns_) > now_ns) return false;
  *exchange = queue_[next_++];
  return true;
}

std::size_t ExchangeLane::Tell(std::vector<ExchangeFields>* exchanges,
                               std::vector<ConnectionFields>* connections) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Append(exchanges, &exchanges_);
  Append(connections, &connections_);
  return exchanges_.size() - untold_exchanges_ + connections_.size() - untold_connections_;
}

ExchangeFields ExchangeLane::Unsent(const Submitted& exchange, ExchangeEnd end, int status,
                                    std::uint64_t now_ns) const noexcept {
  constexpr double kNever = std::numeric_limits<double>::quiet_NaN();
  ExchangeFields fields{};
  fields.id = static_cast<double>(exchange.id);
  fields.end = static_cast<double>(end);
  fields.status = status;
  fields.request = exchange.request;
  fields.connection = -1;
  fields.intended_at = MsSince(plan_.origin_ms, exchange.start_ns);
  fields.free_at = kNever;
  fields.sent_at = kNever;
  fields.first_at = kNever;
  fields.received_at = kNever;
  fields.done_at = MsSince(plan_.origin_ms, now_ns);
  return fields;
}

}  // namespace pollout
