// BulkEngine: its attempts, from socket(2) to close(2). Its rounds are in bulk_engine.cc.
//
// As few system calls as a plain C program makes: socket(2), connect(2), epoll_ctl(2), an
// epoll_wait(2) for many, what the completion rule asks, close(2). Time is read from the vDSO.
//
// - One shot, EPOLLONESHOT, so that leaving the set needs no call: a socket that has reported is
//   mute, and one that has not leaves with close(2). While a child process holds a duplicate of it
//   (between fork(2) and execve(2)), that one may report, once, and finds nobody. Only what is kept
//   is taken out: its place in the set would last as long as the connection.
//
// - When an attempt has ended, the next one starts at once, before the rest of the batch is looked
//   at: the kernel works on its handshake meanwhile.
//
// - A socket whose attempt is over goes to the next attempt to the same peer, if that starts in the
//   same round: reuse.cc. What has options or a bound address does not, nor is one kept where no
//   attempt waits to start.
//
// - On loopback, and to any address of this machine, the handshake is through before connect(2)
//   returns, or has failed. To ask is less than to join the set, be reported by it and leave it. So
//   an attempt is asked as long as the one before had ended, and one of many where it had not.
//
// - A thread that always has more to do keeps its core for a whole slice, 3 ms and more, and an
//   event loop on the same core would wait that long for it. So between some starts it yields,
//   which costs next to nothing where nobody waits.
//
// - Deadlines are in a list for each lane, ordered, and a new one is looked for a place from the
//   end: it is the last one where all have the same timeout. Before one is told, the completion
//   rule is asked, so an attempt that ended in time has ended, however late that is noticed.
#include "bulk_engine.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "closing.h"
#include "connect_completion.h"
#include "error_queue.h"
#include "monotonic_clock.h"
#include "socket_address.h"

namespace pollout {

namespace {

// One of so many attempts is asked whether it has ended at once, where others had not.
constexpr int kAskEvery = 64;

SocketAddress TargetOf(const BulkAttempt& given, sa_family_t family) noexcept {
  SocketAddress to;
  if (family == AF_INET6) {
    to.SetInet6(given.address.data(), given.port, given.scope);
  } else {
    to.SetInet(given.address.data(), given.port);
  }
  return to;
}

}  // namespace

void BulkEngine::Fill(Share& share, std::uint64_t now) {
  share.starved = false;
  share.more = false;
  share.due_ns = kNever;
  while (share.in_flight < share.lane->ShareOf(settings_.index)) {
    if (starts_left_ == 0) {
      share.more = more_ = true;
      return;
    }
    if (now == 0) now = MonotonicNs();
    BulkAttempt given{};
    const BulkLane::Next next = share.lane->TakeNext(now, &given, &share.due_ns);
    share.starved = next == BulkLane::Next::kNone;
    if (next != BulkLane::Next::kAttempt) return;
    --starts_left_;
    now = Start(share, given);
    if (settings_.yield_every == 0 || ++unyielding_ < settings_.yield_every) continue;
    unyielding_ = 0;
    ::sched_yield();
    now = 0;
  }
}

std::uint64_t BulkEngine::Start(Share& share, const BulkAttempt& given) {
  Ending ending;
  // Not Fill()'s time, which may be from before this attempt was submitted.
  ending.opened_ns = MonotonicNs();
  SocketKind kind;
  kind.family = given.ip_version == 6 ? AF_INET6 : AF_INET;
  kind.type = SOCK_STREAM;
  const SocketAddress to = TargetOf(given, kind.family);
  const bool plain = given.source == 0 && share.lane->plan().OptionsFor(kind.family).empty();
  const TcpPeer peer = plain ? to.ToTcpPeer() : TcpPeer{};
  SpareSockets::Spare spare = spares_.Take(peer);
  UniqueFd fd = spare.fd ? std::move(spare.fd) : spares_.NewSocket(kind);
  if (!fd) {
    ending.status = -errno;
    return Tell(share, given.id, ending, {});
  }
  if (!Prepare(share.lane->plan(), given, fd.get(), kind.family, &ending)) {
    return Tell(share, given.id, ending, {});
  }
  ending.sent_ns = MonotonicNs();
  const int result = to.Connect(fd.get());
  if (!HasBegun(result)) {
    ending.status = result;
    ending.step = BulkStep::kConnect;
    ending.ready_ns = MonotonicNs();
    return Tell(share, given.id, ending, {});
  }
  const std::uint32_t index = Allocate();
  Attempt& attempt = attempts_[index];
  attempt.fd = std::move(fd);
  attempt.id = given.id;
  attempt.kind = kind;
  attempt.opened_ns = ending.opened_ns;
  attempt.deadline_ns = DeadlineAfter(ending.opened_ns, given.timeout_ms);
  attempt.share = &share;
  attempt.registered = spare.registered;
  attempt.peer = peer;
  attempt.connect = {};
  attempt.connect.started_ns = ending.sent_ns;
  attempt.connect.deferred = result == 0;
  attempt.connect.port = to.InetPort();
  Link(share, index);
  if (share.prompt || ++share.unasked == kAskEvery) {
    const std::uint64_t ended = FinishAtOnce(index);
    if (ended != 0) return ended;
  }
  return Register(index);
}

std::uint64_t BulkEngine::FinishAtOnce(std::uint32_t index) {
  Attempt& attempt = attempts_[index];
  Share& share = *attempt.share;
  share.unasked = 0;
  const ConnectEnd end = FinishTcpAtOnce(attempt.fd.get(), attempt.connect, share.failing);
  share.prompt = end.status != ConnectStatus::kPending;
  share.failing = end.status < 0;
  return end.status == ConnectStatus::kPending ? 0 : Finish(index, end);
}

// After connect(2): a fresh socket polls as writable.
std::uint64_t BulkEngine::Register(std::uint32_t index) {
  Attempt& attempt = attempts_[index];
  const int fd = attempt.fd.get();
  const std::uint64_t data = EventOf(index, attempt.generation);
  constexpr std::uint32_t kEvents = EPOLLOUT | EPOLLONESHOT;
  const int failed =
      attempt.registered ? set_.Modify(fd, kEvents, data) : set_.Add(fd, kEvents, data);
  if (failed != 0) return End(index, failed, BulkStep::kEpollCtl, 0);
  attempt.registered = true;
  return 0;
}

bool BulkEngine::Prepare(const BulkPlan& plan, const BulkAttempt& given, int fd, sa_family_t family,
                         Ending* ending) noexcept {
  const std::vector<BulkPlan::Option>& options = plan.OptionsFor(family);
  ending->step = BulkStep::kSetsockopt;
  for (ending->option = 0; ending->option < options.size(); ++ending->option) {
    const auto& [level, option, value] = options[ending->option];
    if (::setsockopt(fd, level, option, value.data(), static_cast<socklen_t>(value.size())) != 0) {
      ending->status = -errno;
      return false;
    }
  }
  if (given.source == 0) return true;
  ending->step = BulkStep::kBind;
  const BulkPlan::Source& source = plan.sources[given.source - 1U];
  ending->status = source.invalid;
  if (source.invalid != 0) return false;
  SocketAddress at = source.address;
  at.SetPort(given.source_port);
  ending->status = at.Bind(fd);
  return ending->status == 0;
}

void BulkEngine::Expire(Share& share, std::uint64_t now) {
  for (int count = 0; share.first != kNone; ++count) {
    const std::uint32_t index = share.first;
    Attempt& attempt = attempts_[index];
    if (attempt.deadline_ns > now) return;
    if (count == settings_.batch) {
      more_ = true;
      return;
    }
    // It may have been reported in vain, long ago.
    attempt.connect.reported_ns = 0;
    const ConnectEnd end = FinishConnect(attempt.fd.get(), attempt.kind, 0, attempt.connect);
    Fill(share, end.status == ConnectStatus::kPending
                    ? End(index, -ETIMEDOUT, BulkStep::kDeadline, 0)
                    : Finish(index, end));
  }
}

std::uint64_t BulkEngine::Finish(std::uint32_t index, const ConnectEnd& end) {
  const bool is_reported = end.status < 0 && !end.is_own;
  const BulkStep step = is_reported ? BulkStep::kSoError : BulkStep::kConnect;
  return End(index, end.ForJavaScript(), step, end.at_ns);
}

std::uint64_t BulkEngine::End(std::uint32_t index, int status, BulkStep step,
                              std::uint64_t ready_ns) {
  Attempt& attempt = attempts_[index];
  Share& share = *attempt.share;
  const OnConnected then = share.lane->plan().on_connected;
  const int lost = status >= ConnectStatus::kLost ? status - ConnectStatus::kLost : 0;
  const bool connected =
      step == BulkStep::kConnect && (status == ConnectStatus::kConnected || lost != 0);
  KeptSocket kept;
  if (connected && then == OnConnected::kKeep) {
    if (attempt.registered) {
      set_.Remove(attempt.fd.get());
    } else {
      // Nobody has looked: FinishTcpAtOnce().
      DrainErrorQueue(attempt.fd.get());
    }
    kept = KeptSocket(std::move(attempt.fd), attempt.kind, lost, open_sockets_);
  } else {
    const bool ended = step == BulkStep::kConnect || step == BulkStep::kSoError;
    Dispose(attempt, connected, ended && status < 0);
  }
  Ending ending;
  ending.status = status == ConnectStatus::kSelfConnected ? kBulkSelfConnected : status;
  ending.step = step;
  ending.opened_ns = attempt.opened_ns;
  ending.sent_ns = attempt.connect.started_ns;
  ending.ready_ns = ready_ns;
  const std::uint32_t id = attempt.id;
  Unlink(share, index);
  Free(index);
  return Tell(share, id, ending, std::move(kept));
}

void BulkEngine::Dispose(Attempt& attempt, bool connected, bool failed) noexcept {
  const BulkLane& lane = *attempt.share->lane;
  const bool resets = lane.plan().on_connected == OnConnected::kReset;
  const bool may_be_kept = attempt.share->is_pressed() && (failed || (connected && resets));
  if (may_be_kept && spares_.Renew(attempt.fd.get(), attempt.peer, failed)) {
    spares_.Keep({std::move(attempt.fd), attempt.peer, attempt.registered});
    return;
  }
  // One that has failed has nothing to reset.
  if (failed) return;
  PrepareClose(attempt.fd.get(), attempt.kind, lane.may_linger(), !connected || resets);
}

std::uint64_t BulkEngine::Tell(Share& share, std::uint32_t id, const Ending& ending,
                               KeptSocket kept) {
  const bool is_reported = ending.step == BulkStep::kSoError;
  if (!is_reported && HasRunOut(ending.status)) share.lane->Halt();
  const std::uint64_t ended_ns = MonotonicNs();
  const double origin_ms = share.lane->plan().origin_ms;
  BulkOutcome outcome{};
  outcome.fields.id = id;
  outcome.fields.status = ending.status;
  outcome.fields.step = static_cast<double>(ending.step);
  outcome.fields.handle =
      ending.step == BulkStep::kSetsockopt ? static_cast<double>(ending.option) : -1;
  outcome.fields.started_at = MsSince(origin_ms, ending.opened_ns);
  outcome.fields.sent_at = MsSince(origin_ms, ending.sent_ns);
  outcome.fields.ready_at = MsSince(origin_ms, ending.ready_ns);
  outcome.fields.ended_at = MsSince(origin_ms, ended_ns);
  outcome.kept = std::move(kept);
  share.outcomes.push_back(std::move(outcome));
  return ended_ns;
}

std::uint32_t BulkEngine::Allocate() {
  open_sockets_.fetch_add(1, std::memory_order_relaxed);
  const std::uint32_t index = first_free_;
  if (index == kNone) {
    attempts_.emplace_back();
    return static_cast<std::uint32_t>(attempts_.size() - 1);
  }
  first_free_ = attempts_[index].next;
  return index;
}

void BulkEngine::Free(std::uint32_t index) noexcept {
  Attempt& attempt = attempts_[index];
  attempt.fd.Reset();
  ++attempt.generation;
  attempt.next = first_free_;
  first_free_ = index;
  open_sockets_.fetch_sub(1, std::memory_order_relaxed);
}

void BulkEngine::Link(Share& share, std::uint32_t index) noexcept {
  Attempt& attempt = attempts_[index];
  std::uint32_t before = share.last;
  while (before != kNone && attempts_[before].deadline_ns > attempt.deadline_ns) {
    before = attempts_[before].previous;
  }
  attempt.previous = before;
  attempt.next = before == kNone ? share.first : attempts_[before].next;
  (attempt.previous == kNone ? share.first : attempts_[attempt.previous].next) = index;
  (attempt.next == kNone ? share.last : attempts_[attempt.next].previous) = index;
  ++share.in_flight;
}

void BulkEngine::Unlink(Share& share, std::uint32_t index) noexcept {
  const Attempt& attempt = attempts_[index];
  (attempt.previous == kNone ? share.first : attempts_[attempt.previous].next) = attempt.next;
  (attempt.next == kNone ? share.last : attempts_[attempt.next].previous) = attempt.previous;
  --share.in_flight;
}

}  // namespace pollout
