// BulkLane: its queue with the schedule of starts, and its outcomes.
#include "bulk_lane.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "monotonic_clock.h"

namespace pollout {

namespace {

constexpr std::uint64_t kMakeUpNs = kMakeUpMs * kNsPerMs;

std::uint64_t NsOf(double ms) noexcept {
  return static_cast<std::uint64_t>(std::max(0.0, ms) * static_cast<double>(kNsPerMs));
}

}  // namespace

const std::vector<BulkPlan::Option>& BulkPlan::OptionsFor(sa_family_t family) const noexcept {
  return family == AF_INET6 ? inet6 : inet;
}

bool BulkPlan::MayLinger() const noexcept {
  const auto is_linger = [](const Option& given) {
    return given.level == SOL_SOCKET && given.option == SO_LINGER;
  };
  return std::any_of(inet.begin(), inet.end(), is_linger) ||
         std::any_of(inet6.begin(), inet6.end(), is_linger);
}

BulkLane::BulkLane(BulkPlan plan, std::uint32_t limit, std::uint32_t engines)
    : plan_(std::move(plan)),
      engines_(engines),
      interval_ns_(NsOf(plan_.interval_ms)),
      may_linger_(plan_.MayLinger()),
      limit_(limit) {}

std::uint32_t BulkLane::ShareOf(std::uint32_t engine) const noexcept {
  const std::uint32_t limit = limit_.load(std::memory_order_relaxed);
  return (limit / engines_) + (engine < limit % engines_ ? 1 : 0);
}

void BulkLane::Submit(const std::uint8_t* records, std::size_t count) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (cancelled_) return;
  // The part that was started makes room, once that is most of it.
  if (next_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(next_));
    next_ = 0;
  }
  const std::size_t before = queue_.size();
  queue_.resize(before + count);
  std::memcpy(queue_.data() + before, records, count * sizeof(BulkAttempt));
}

void BulkLane::Limit(std::uint32_t most) {
  const std::lock_guard<std::mutex> lock(mutex_);
  limit_.store(most, std::memory_order_relaxed);
  halted_ = false;
}

void BulkLane::Cancel() {
  const std::lock_guard<std::mutex> lock(mutex_);
  cancelled_ = true;
  queue_ = {};
  next_ = 0;
}

void BulkLane::TakeOutcomes(std::vector<BulkOutcome>* into, std::size_t most) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::size_t count = std::min(most, outcomes_.size() - untold_);
  const auto first = outcomes_.begin() + static_cast<std::ptrdiff_t>(untold_);
  std::move(first, first + static_cast<std::ptrdiff_t>(count), std::back_inserter(*into));
  untold_ += count;
  // As in Submit(): where JavaScript is the slower one, there are always some left.
  if (untold_ > outcomes_.size() / 2) {
    outcomes_.erase(outcomes_.begin(), outcomes_.begin() + static_cast<std::ptrdiff_t>(untold_));
    untold_ = 0;
  }
}

BulkLane::Next BulkLane::TakeNext(std::uint64_t now_ns, BulkAttempt* attempt,
                                  std::uint64_t* due_ns) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (next_ == queue_.size()) return Next::kNone;
  if (halted_) return Next::kHalted;
  const BulkAttempt& first = queue_[next_];
  if (first.start_at > 0) {
    // Whoever is behind the schedule makes up for so much of it, and no more.
    const std::uint64_t make_up_ns = std::min(now_ns, std::max(kMakeUpNs, interval_ns_));
    const std::uint64_t due = std::max(
        {NsOf(first.start_at + plan_.origin_ms), last_due_ns_ + interval_ns_, now_ns - make_up_ns});
    if (due > now_ns) {
      *due_ns = due;
      return Next::kLater;
    }
    last_due_ns_ = due;
  }
  *attempt = first;
  ++next_;
  return Next::kAttempt;
}

void BulkLane::Halt() {
  const std::lock_guard<std::mutex> lock(mutex_);
  halted_ = true;
}

std::size_t BulkLane::Tell(std::vector<BulkOutcome>* outcomes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (outcomes_.empty()) {
    outcomes_.swap(*outcomes);
  } else {
    std::move(outcomes->begin(), outcomes->end(), std::back_inserter(outcomes_));
    outcomes->clear();
  }
  return outcomes_.size() - untold_;
}

}  // namespace pollout
