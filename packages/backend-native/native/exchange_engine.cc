// ExchangeEngine: its rounds: what is ready, what is due, when it wakes. Its connections and
// exchanges are in exchange_connections.cc.
//
// - What is due goes out as soon as there is room for it, before the rest of the batch is looked
//   at: the server works on it meanwhile.
//
// - The timer is a timerfd, which is exact where epoll_wait(2) counts milliseconds. It is set when
// it
//   would fire too late, and not when it would fire too early.
//
// - JavaScript is told of many outcomes at once: to wake its thread costs more than an outcome
// does.
#include "exchange_engine.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "monotonic_clock.h"

namespace pollout {

namespace {

// So many are told of at once, however long ago the last were.
constexpr std::size_t kManyExchanges = 2048;
// Between two words to JavaScript while there is more to come.
constexpr std::uint64_t kQuietExchangesNs = 10'000'000;
// Between looks at a set that cannot be waited for.
constexpr int kBrokenExchangesPauseMs = 10;

std::uint64_t RealtimeNs() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return (static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond) +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

int ExchangeEngine::Open(const char** call) noexcept {
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
  return failed == 0 ? set_.Add(timer_.get(), EPOLLIN, kTimerEvent) : failed;
}

void ExchangeEngine::Wake() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t size = ::write(wake_.get(), &one, sizeof(one));
}

void ExchangeEngine::Clear(int fd) const noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t size = ::read(fd, &count, sizeof(count));
}

void ExchangeEngine::Poke() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  poked_ = true;
  if (std::exchange(sleeping_, false)) Wake();
}

void ExchangeEngine::Stop() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  stopping_ = true;
  if (std::exchange(sleeping_, false)) Wake();
}

bool ExchangeEngine::PrepareSleep() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (poked_ || stopping_) return false;
  sleeping_ = true;
  return true;
}

bool ExchangeEngine::IsToGoOn() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  sleeping_ = false;
  poked_ = false;
  return !stopping_;
}

void ExchangeEngine::Run() {
  while (Round()) {
  }
  CloseAll();
}

bool ExchangeEngine::Round() {
  const bool sleeps = !std::exchange(more_, false) && PrepareSleep();
  const int found = set_.Wait(events_.data(), kMaxBatch, sleeps ? -1 : 0);
  // What is asked from here on is for the next round.
  if (!IsToGoOn()) return false;
  now_ = MonotonicNs();
  if (lane_.plan().kernel_times) realtime_ahead_ns_ = RealtimeNs() - now_;
  if (found < 0 && found != -EINTR) {
    // The set cannot be waited for: whatever is in it has ended.
    for (std::uint32_t index = 0; index < connections_.size(); ++index) {
      if (connections_[index].state == Connection::State::kFree) continue;
      Close(index, {ConnectionEvent::kLost, ExchangeEnd::kLost, ExchangeEnd::kLost, found});
    }
    ::poll(nullptr, 0, kBrokenExchangesPauseMs);
  }
  HandleEvents(found);
  Pump();
  ExpireAll();
  Announce();
  SetTimer();
  return true;
}

void ExchangeEngine::HandleEvents(int found) {
  for (int at = 0; at < found; ++at) {
    const epoll_event& event = events_[at];
    const std::uint64_t data = event.data.u64;
    if (data == kWakeEvent) {
      Clear(wake_.get());
      continue;
    }
    if (data == kTimerEvent) {
      Clear(timer_.get());
      timer_ns_ = kNoDeadline;
      continue;
    }
    const auto index = static_cast<std::uint32_t>(data);
    if (index >= connections_.size()) continue;
    const Connection& connection = connections_[index];
    if (connection.generation != data >> 32U) continue;
    switch (connection.state) {
      case Connection::State::kFree:
        break;
      case Connection::State::kConnecting:
        HandleConnecting(index, event.events);
        break;
      case Connection::State::kOpen:
        HandleOpen(index, event.events);
        break;
    }
  }
}

void ExchangeEngine::Pump() {
  int begun = 0;
  ExchangeLane::Submitted given;
  while (room_.first != kNone) {
    if (begun++ == kMaxBatch) {
      more_ = true;
      break;
    }
    if (!lane_.TakeDue(now_, &given)) break;
    Begin(room_.first, given);
  }
  const ExchangeLane::Look look = lane_.LookAt(now_);
  ConnectMore(look.due);
  const bool has_room = room_.first != kNone;
  const bool may_connect = connection_count_ < lane_.ShareOf(index_);
  next_due_ns_ = has_room || may_connect ? look.next_ns : kNoDeadline;
  queue_expires_ns_ = look.expires_ns;
  idle_ = in_flight_ == 0 && look.due == 0 && look.next_ns == kNoDeadline;
  // It is seen in time also where there is no room: from then on it waits for somebody else.
  if (lane_.timeout_ns() != kNoDeadline) next_due_ns_ = std::min(next_due_ns_, look.next_ns);
}

void ExchangeEngine::ExpireAll() {
  while (connecting_.first != kNone) {
    const std::uint32_t index = connecting_.first;
    Connection& connection = connections_[index];
    if (connection.deadline_ns > now_) break;
    // It may have connected meanwhile.
    connection.connect.reported_ns = 0;
    const ConnectEnd end =
        FinishConnect(connection.fd.get(), connection.kind, 0, connection.connect);
    if (end.status == ConnectStatus::kPending) {
      NotConnected(index, -ETIMEDOUT, BulkStep::kDeadline, 0);
    } else if (end.status == ConnectStatus::kConnected) {
      Established(index, end.at_ns);
    } else {
      NotConnected(index, end.status < 0 ? end.status : -EADDRNOTAVAIL,
                   end.is_own ? BulkStep::kConnect : BulkStep::kSoError, end.at_ns);
    }
  }
  while (by_deadline_.first != kNone) {
    const Exchange& exchange = exchanges_[by_deadline_.first];
    if (exchange.deadline_ns > now_) break;
    const std::uint32_t index = exchange.connection;
    // What is in the kernel beats a timer.
    const std::uint32_t generation = connections_[index].generation;
    if (!Receive(index)) continue;
    const std::uint32_t first = by_deadline_.first;
    if (first == kNone || exchanges_[first].deadline_ns > now_) continue;
    if (exchanges_[first].connection != index || connections_[index].generation != generation) {
      continue;
    }
    // Its response may still come, and would be taken for the next one's.
    Close(index,
          {ConnectionEvent::kClosed, ExchangeEnd::kTimedOut, ExchangeEnd::kTimedOut, -ETIMEDOUT});
  }
  ExchangeLane::Submitted given;
  while (lane_.TakeExpired(now_, &given)) {
    told_exchanges_.push_back(lane_.Unsent(given, ExchangeEnd::kUnsent, -ETIMEDOUT, now_));
  }
}

void ExchangeEngine::Announce() {
  if (!told_exchanges_.empty() || !told_connections_.empty()) {
    const std::size_t waiting = lane_.Tell(&told_exchanges_, &told_connections_);
    unannounced_ = true;
    if (waiting >= kManyExchanges) announced_ns_ = 0;
  }
  if (!unannounced_) return;
  // With nothing under way, and nothing queued, somebody may wait for this.
  if (!idle_ && now_ < announced_ns_ + kQuietExchangesNs) return;
  unannounced_ = false;
  announced_ns_ = now_;
  owner_.OnExchanges();
}

void ExchangeEngine::SetTimer() {
  std::uint64_t at = std::min(next_due_ns_, queue_expires_ns_);
  if (connecting_.first != kNone) at = std::min(at, connections_[connecting_.first].deadline_ns);
  if (by_deadline_.first != kNone) at = std::min(at, exchanges_[by_deadline_.first].deadline_ns);
  if (unannounced_) at = std::min(at, announced_ns_ + kQuietExchangesNs);
  if (reconnect_ns_ > now_) at = std::min(at, reconnect_ns_);
  if (at >= timer_ns_ || at == kNoDeadline) return;
  timer_ns_ = at;
  itimerspec time{};
  time.it_value.tv_sec = static_cast<time_t>(at / kNsPerSecond);
  time.it_value.tv_nsec = static_cast<long>(at % kNsPerSecond);
  // All zeros would switch it off.
  if (at == 0) time.it_value.tv_nsec = 1;
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &time, nullptr);
}

void ExchangeEngine::CloseAll() {
  for (std::uint32_t index = 0; index < connections_.size(); ++index) {
    if (connections_[index].state == Connection::State::kFree) continue;
    Close(index, {ConnectionEvent::kClosed, ExchangeEnd::kStopped, ExchangeEnd::kStopped, 0});
  }
  told_exchanges_.clear();
  told_connections_.clear();
}

}  // namespace pollout
