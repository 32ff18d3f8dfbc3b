// BulkEngine: its rounds: what is ready, what was asked of it, when it wakes. Its attempts are in
// bulk_attempts.cc.
//
// - A round handles so many events, starts and deadlines, and no more. In an event loop others have
//   their turn then; on a thread the other lanes have.
//
// - The timer is set when it would fire too late, and not when it would fire too early: with equal
//   timeouts that is one call for each timeout's time, not for each attempt.
#include "bulk_engine.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "closing.h"
#include "connect_completion.h"
#include "monotonic_clock.h"

namespace pollout {

namespace {

// So many are told of at once, however long ago the last were.
constexpr std::size_t kManyOutcomes = 1024;
// Between looks at a set that cannot be waited for.
constexpr int kBrokenPauseMs = 10;

void Clear(int fd) noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t size = ::read(fd, &count, sizeof(count));
}

}  // namespace

BulkEngine::BulkEngine(Owner& owner, Settings settings,
                       std::atomic<std::int64_t>& open_sockets) noexcept
    : owner_(owner), settings_(settings), open_sockets_(open_sockets) {}

int BulkEngine::Open(const char** call) noexcept {
  int failed = set_.Open(call);
  if (failed != 0) return failed;
  *call = "eventfd";
  wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return -errno;
  *call = "timerfd_create";
  timer_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer_) return -errno;
  *call = "epoll_ctl";
  failed = set_.Add(wake_.get(), EPOLLIN, kWakeEvent);
  if (failed == 0) failed = set_.Add(timer_.get(), EPOLLIN, kTimerEvent);
  if (failed != 0) return failed;
  // Until the first round: what is asked before is to be noticed.
  sleeping_ = true;
  return 0;
}

void BulkEngine::Wake() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t size = ::write(wake_.get(), &one, sizeof(one));
}

void BulkEngine::Post(Command::What what, std::shared_ptr<BulkLane> lane) {
  const std::lock_guard<std::mutex> lock(mutex_);
  inbox_.push_back({what, std::move(lane)});
  if (std::exchange(sleeping_, false)) Wake();
}

void BulkEngine::Add(std::shared_ptr<BulkLane> lane) { Post(Command::What::kAdd, std::move(lane)); }

void BulkEngine::Remove(std::shared_ptr<BulkLane> lane) {
  Post(Command::What::kRemove, std::move(lane));
}

void BulkEngine::Stop() { Post(Command::What::kStop, nullptr); }

void BulkEngine::Poke() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  poked_ = true;
  if (std::exchange(sleeping_, false)) Wake();
}

bool BulkEngine::PrepareSleep() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (poked_ || !inbox_.empty()) return false;
  sleeping_ = true;
  return true;
}

bool BulkEngine::Round(bool may_sleep) {
  const bool sleeps = may_sleep && !more_ && PrepareSleep();
  const int found = set_.Wait(events_.data(), settings_.batch, sleeps ? -1 : 0);
  const std::uint64_t now = MonotonicNs();
  starts_left_ = settings_.batch;
  HandleEvents(found, now);
  if (found < 0 && found != -EINTR) {
    FailAll(found);
    if (may_sleep) ::poll(nullptr, 0, kBrokenPauseMs);
  }
  const bool asked = Obey();
  if (stopped_) return false;

  const bool all = std::exchange(more_, false) || asked;
  // Else the first one would always have the first of a round's starts.
  if (all && shares_.size() > 1) std::rotate(shares_.begin(), shares_.begin() + 1, shares_.end());
  for (const auto& share : shares_) {
    Expire(*share, now);
    if (all || share->due_ns <= now) Fill(*share, now);
  }
  spares_.Clear();
  Announce(now);
  SetTimer(NextMoment());
  if (!may_sleep && (more_ || !PrepareSleep())) Wake();
  return true;
}

void BulkEngine::ObeyNow() {
  if (Obey()) more_ = true;
}

bool BulkEngine::Obey() {
  bool asked = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    sleeping_ = false;
    asked = std::exchange(poked_, false);
    orders_.swap(inbox_);
  }
  for (Command& order : orders_) {
    switch (order.what) {
      case Command::What::kAdd:
        shares_.push_back(std::make_unique<Share>(std::move(order.lane)));
        break;
      case Command::What::kRemove:
        Drop(order.lane.get());
        break;
      case Command::What::kStop:
        while (!shares_.empty()) Drop(shares_.back()->lane.get());
        stopped_ = true;
        break;
    }
  }
  orders_.clear();
  return asked;
}

void BulkEngine::Drop(const BulkLane* lane) {
  const auto found = std::find_if(shares_.begin(), shares_.end(),
                                  [lane](const auto& share) { return share->lane.get() == lane; });
  if (found == shares_.end()) return;
  Share& share = **found;
  while (share.first != kNone) {
    Attempt& attempt = attempts_[share.first];
    PrepareClose(attempt.fd.get(), attempt.kind, true, true);
    const std::uint32_t index = share.first;
    Unlink(share, index);
    Free(index);
  }
  shares_.erase(found);
  if (!shares_.empty()) return;
  attempts_.clear();
  attempts_.shrink_to_fit();
  first_free_ = kNone;
}

void BulkEngine::HandleEvents(int found, std::uint64_t now) {
  for (int index = 0; index < found; ++index) {
    const epoll_event& event = events_[index];
    switch (std::uint64_t{event.data.u64}) {
      case kWakeEvent:
        Clear(wake_.get());
        break;
      case kTimerEvent:
        Clear(timer_.get());
        timer_ns_ = kNever;
        break;
      default:
        HandleSocket(event, now);
    }
  }
}

void BulkEngine::HandleSocket(const epoll_event& event, std::uint64_t now) {
  const std::uint64_t data = event.data.u64;
  const auto index = static_cast<std::uint32_t>(data);
  if (index >= attempts_.size()) return;
  Attempt& attempt = attempts_[index];
  if (!attempt.fd || attempt.generation != data >> 32U) return;
  attempt.connect.reported_ns = now;
  const int fd = attempt.fd.get();
  const ConnectEnd end = FinishConnect(fd, attempt.kind, event.events, attempt.connect);
  Share& share = *attempt.share;
  if (end.status != ConnectStatus::kPending) {
    Fill(share, Finish(index, end));
    return;
  }
  const int failed = set_.Modify(fd, EPOLLOUT | EPOLLONESHOT, data);
  if (failed != 0) Fill(share, End(index, failed, BulkStep::kEpollCtl, 0));
}

void BulkEngine::FailAll(int error) {
  for (const auto& share : shares_) {
    while (share->first != kNone) End(share->first, error, BulkStep::kEpollCtl, 0);
  }
}

// Waking JavaScript's thread costs it more than an outcome does. So while there is more to come, it
// is left alone for a while; where a lane waits for its next word, it is not.
void BulkEngine::Announce(std::uint64_t now) {
  std::size_t waiting = 0;
  std::uint64_t quiet_ns = kNever;
  bool urgent = false;
  for (const auto& share : shares_) {
    if (!share->outcomes.empty()) {
      waiting = std::max(waiting, share->lane->Tell(&share->outcomes));
      share->unannounced = true;
    }
    if (!share->unannounced) continue;
    quiet_ns = std::min(quiet_ns, QuietOf(*share));
    urgent |= share->starved || (share->in_flight == 0 && !share->more);
  }
  if (quiet_ns == kNever) return;
  const std::uint64_t quiet_until = announced_ns_ + quiet_ns;
  if (!urgent && waiting < kManyOutcomes && now < quiet_until) {
    SetTimer(quiet_until);
    return;
  }
  for (const auto& share : shares_) share->unannounced = false;
  announced_ns_ = now;
  owner_.OnOutcomes();
}

std::uint64_t BulkEngine::QuietOf(const Share& share) const noexcept {
  const bool keeps = share.lane->plan().on_connected == OnConnected::kKeep;
  return keeps ? settings_.quiet_ns : settings_.quiet_unkept_ns;
}

std::uint64_t BulkEngine::NextMoment() const noexcept {
  std::uint64_t moment = kNever;
  for (const auto& share : shares_) {
    moment = std::min(moment, share->due_ns);
    if (share->first != kNone) moment = std::min(moment, attempts_[share->first].deadline_ns);
  }
  return moment;
}

void BulkEngine::SetTimer(std::uint64_t at) noexcept {
  if (at >= timer_ns_) return;
  timer_ns_ = at;
  itimerspec time{};
  time.it_value.tv_sec = static_cast<time_t>(at / kNsPerSecond);
  time.it_value.tv_nsec = static_cast<long>(at % kNsPerSecond);
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &time, nullptr);
}

}  // namespace pollout
