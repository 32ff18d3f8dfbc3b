// ExchangeEngine: its connections, and the exchanges on them.
//
// - An open connection stays in the epoll set, level-triggered, for reading: that costs no call per
//   exchange. It waits for writing only while the kernel takes no more.
//
// - A response is read at once, as far as the kernel has it, up to a buffer's size for each event:
// a
//   peer that sends without end does not keep the thread from the others.
//
// - When bytes came is the kernel's word, where it is asked: SCM_TIMESTAMPING, socket(7), with
//   recvmsg(2). It is of the last packet that was read of, on CLOCK_REALTIME. That is brought to
//   the monotonic clock by what both say in the same round; where the system's time is set
//   meanwhile, the bounds of the exchange itself hold: not before it was sent, not after it was
//   read.
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "closing.h"
#include "exchange_engine.h"
#include "monotonic_clock.h"
#include "spare_sockets.h"

namespace pollout {

namespace {

constexpr std::uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP;
// Between two connects that nobody waits for, after one that has failed.
constexpr std::uint64_t kFirstPauseNs = 10'000'000;
constexpr std::uint64_t kLongestPauseNs = 1'000'000'000;

std::uint64_t DeadlineOf(std::uint64_t from_ns, std::uint64_t timeout_ns) noexcept {
  return timeout_ns == kNoDeadline ? kNoDeadline : from_ns + timeout_ns;
}

}  // namespace

void ExchangeEngine::ConnectMore(std::size_t due) {
  const ExchangePlan& plan = lane_.plan();
  const std::size_t share = lane_.ShareOf(index_);
  if (lane_.stopped() && due == 0) return;
  for (int begun = 0; connection_count_ < share; ++begun) {
    // Those under way are for the first that wait.
    const bool is_needed = !ServesAnyway() && room_.first == kNone && due > connecting_count_;
    const bool is_wanted = plan.eager && now_ >= reconnect_ns_;
    if (!is_needed && !is_wanted) return;
    if (begun == kMaxBatch) {
      more_ = true;
      return;
    }
    Connect();
    // One that has connected, or failed, at once has taken an exchange.
    due = lane_.LookAt(now_).due;
  }
}

void ExchangeEngine::Connect() {
  const ExchangePlan& plan = lane_.plan();
  const std::uint32_t index = AllocateConnection();
  Connection& connection = connections_[index];
  connection.peer = next_peer_;
  next_peer_ = (next_peer_ + 1) % static_cast<std::uint32_t>(plan.peers.size());
  const ExchangePlan::Peer& peer = plan.peers[connection.peer];
  connection.kind = peer.kind;
  connection.opened_ns = MonotonicNs();
  connection.deadline_ns = DeadlineAfter(connection.opened_ns, plan.connect_timeout_ms);
  connection.state = Connection::State::kConnecting;
  Append(connecting_, index);
  ++connecting_count_;
  if (peer.invalid != 0) return NotConnected(index, peer.invalid, BulkStep::kConnect, 0);
  connection.fd =
      UniqueFd(::socket(peer.kind.family, peer.kind.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!connection.fd) return NotConnected(index, -errno, BulkStep::kSocket, 0);
  open_sockets_.fetch_add(1, std::memory_order_relaxed);
  const int fd = connection.fd.get();
  BulkStep step = BulkStep::kSetsockopt;
  const int prepared = Prepare(peer, fd, &step);
  if (prepared != 0) return NotConnected(index, prepared, step, 0);
  connection.connect.started_ns = MonotonicNs();
  connection.connect.port = peer.address.InetPort();
  const int result = peer.address.Connect(fd);
  if (!HasBegun(result)) return NotConnected(index, result, BulkStep::kConnect, MonotonicNs());
  connection.connect.deferred = peer.kind.IsTcp() && result == 0;
  if (peer.kind.IsTcp() && prompt_) {
    const ConnectEnd end = FinishTcpAtOnce(fd, connection.connect, true);
    prompt_ = end.status != ConnectStatus::kPending;
    if (end.status == ConnectStatus::kConnected) return Established(index, end.at_ns);
    if (prompt_) {
      return NotConnected(index, end.status < 0 ? end.status : -EADDRNOTAVAIL,
                          end.is_own ? BulkStep::kConnect : BulkStep::kSoError, end.at_ns);
    }
  }
  // After connect(2): a fresh socket polls as writable.
  const int failed = set_.Add(fd, EPOLLOUT | EPOLLONESHOT, EventOf(index, connection.generation));
  if (failed != 0) NotConnected(index, failed, BulkStep::kEpollCtl, 0);
}

int ExchangeEngine::Prepare(const ExchangePlan::Peer& peer, int fd, BulkStep* step) noexcept {
  const ExchangePlan& plan = lane_.plan();
  for (const auto& [level, option, value] : plan.OptionsFor(peer.kind.family)) {
    if (::setsockopt(fd, level, option, value.data(), static_cast<socklen_t>(value.size())) != 0) {
      return -errno;
    }
  }
  if (plan.kernel_times && peer.kind.IsTcp()) {
    const int stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    // Without it the moment of reading is the best there is.
    ::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof(stamps));
  }
  if (plan.sources.empty() || peer.kind.family == AF_UNIX) return 0;
  *step = BulkStep::kBind;
  const BulkPlan::Source& source = plan.sources[next_source_];
  next_source_ = (next_source_ + 1) % static_cast<std::uint32_t>(plan.sources.size());
  return source.invalid != 0 ? source.invalid : source.address.Bind(fd);
}

void ExchangeEngine::HandleConnecting(std::uint32_t index, std::uint32_t events) {
  Connection& connection = connections_[index];
  connection.connect.reported_ns = now_;
  const int fd = connection.fd.get();
  const ConnectEnd end = FinishConnect(fd, connection.kind, events, connection.connect);
  if (end.status == ConnectStatus::kConnected) return Established(index, end.at_ns);
  if (end.status != ConnectStatus::kPending) {
    return NotConnected(index, end.status < 0 ? end.status : -EADDRNOTAVAIL,
                        end.is_own ? BulkStep::kConnect : BulkStep::kSoError, end.at_ns);
  }
  const int failed =
      set_.Modify(fd, EPOLLOUT | EPOLLONESHOT, EventOf(index, connection.generation));
  if (failed != 0) NotConnected(index, failed, BulkStep::kEpollCtl, 0);
}

void ExchangeEngine::Established(std::uint32_t index, std::uint64_t ready_ns) {
  Connection& connection = connections_[index];
  const std::uint64_t event = EventOf(index, connection.generation);
  const int fd = connection.fd.get();
  // It is not in the set where it had connected at once.
  int failed = set_.Modify(fd, kReadEvents, event);
  if (failed == -ENOENT) failed = set_.Add(fd, kReadEvents, event);
  if (failed != 0) return NotConnected(index, failed, BulkStep::kEpollCtl, 0);
  Remove(connecting_, index);
  --connecting_count_;
  connection.state = Connection::State::kOpen;
  connection.ready_ns = ready_ns;
  connection.reader = ResponseReader::Of(lane_.plan().framing, lane_.plan().max_response_bytes);
  TellConnection(connection, ConnectionEvent::kConnected, 0, BulkStep::kConnect, 0);
  GiveRoom(index);
  Serve(index);
}

void ExchangeEngine::Serve(std::uint32_t index) {
  const std::uint32_t generation = connections_[index].generation;
  ExchangeLane::Submitted given;
  while (connections_[index].has_room && lane_.TakeDue(MonotonicNs(), &given)) {
    Begin(index, given);
    if (connections_[index].generation != generation) return;
  }
}

void ExchangeEngine::NotConnected(std::uint32_t index, int status, BulkStep step,
                                  std::uint64_t ready_ns) {
  Connection& connection = connections_[index];
  const std::uint64_t now = MonotonicNs();
  connection.ready_ns = ready_ns;
  TellConnection(connection, ConnectionEvent::kFailed, status, step, now);
  Remove(connecting_, index);
  --connecting_count_;
  if (connection.fd) {
    PrepareClose(connection.fd.get(), connection.kind, true, true);
    open_sockets_.fetch_sub(1, std::memory_order_relaxed);
  }
  FreeConnection(index);
  // Who waited for it is told; those that nobody waited for are made again after a while.
  ExchangeLane::Submitted given;
  if (!ServesAnyway() && lane_.TakeDue(now, &given)) {
    told_exchanges_.push_back(lane_.Unsent(given, ExchangeEnd::kNotConnected, status, now));
  } else {
    PauseConnecting(now);
  }
}

bool ExchangeEngine::ServesAnyway() const noexcept {
  return lane_.plan().eager && connection_count_ > connecting_count_;
}

void ExchangeEngine::PauseConnecting(std::uint64_t now) noexcept {
  reconnect_pause_ns_ = std::clamp(2 * reconnect_pause_ns_, kFirstPauseNs, kLongestPauseNs);
  reconnect_ns_ = now + reconnect_pause_ns_;
}

void ExchangeEngine::Begin(std::uint32_t index, const ExchangeLane::Submitted& given) {
  const std::uint32_t place = AllocateExchange();
  Connection& connection = connections_[index];
  Exchange& exchange = exchanges_[place];
  exchange.given = given;
  exchange.deadline_ns = DeadlineOf(given.seen_ns, lane_.timeout_ns());
  exchange.free_ns = connection.free_ns;
  exchange.connection = index;
  exchange.begins_at = connection.sent + (connection.out.size() - connection.out_at);
  lane_.plan().requests[given.request].Write(given.id, lane_.plan().seed, &connection.out);
  (connection.exchanges.last == kNone ? connection.exchanges.first
                                      : exchanges_[connection.exchanges.last].next) = place;
  connection.exchanges.last = place;
  if (connection.first_unsent == kNone) connection.first_unsent = place;
  exchange.earlier = by_deadline_.last;
  (by_deadline_.last == kNone ? by_deadline_.first : exchanges_[by_deadline_.last].later) = place;
  by_deadline_.last = place;
  ++in_flight_;
  ++connection.in_flight;
  ++connection.begun;
  if (!MayTakeMore(connection)) TakeRoom(index);
  if (!connection.blocked) Flush(index);
}

bool ExchangeEngine::Flush(std::uint32_t index) {
  Connection& connection = connections_[index];
  const int fd = connection.fd.get();
  while (connection.out_at < connection.out.size()) {
    const std::uint64_t sent_ns = MonotonicNs();
    const ssize_t size = ::send(fd, connection.out.data() + connection.out_at,
                                connection.out.size() - connection.out_at, MSG_NOSIGNAL);
    if (size < 0) {
      const int error = errno;
      if (error == EINTR) continue;
      if (error == EAGAIN) break;
      // What the peer had said before it went is there to be read still.
      if (!Receive(index)) return false;
      Close(index, {ConnectionEvent::kLost, ExchangeEnd::kLost, ExchangeEnd::kLost, -error});
      return false;
    }
    connection.out_at += static_cast<std::size_t>(size);
    connection.sent += static_cast<std::uint64_t>(size);
    while (connection.first_unsent != kNone &&
           exchanges_[connection.first_unsent].begins_at < connection.sent) {
      Exchange& exchange = exchanges_[connection.first_unsent];
      exchange.sent_ns = sent_ns;
      connection.first_unsent = exchange.next;
    }
  }
  const bool is_blocked = connection.out_at < connection.out.size();
  if (!is_blocked) {
    connection.out.clear();
    connection.out_at = 0;
  }
  if (is_blocked == connection.blocked) return true;
  connection.blocked = is_blocked;
  const std::uint32_t events = is_blocked ? kReadEvents | EPOLLOUT : kReadEvents;
  const int failed = set_.Modify(fd, events, EventOf(index, connection.generation));
  if (failed == 0) return true;
  Close(index, {ConnectionEvent::kLost, ExchangeEnd::kLost, ExchangeEnd::kLost, failed});
  return false;
}

void ExchangeEngine::HandleOpen(std::uint32_t index, std::uint32_t events) {
  constexpr std::uint32_t kToRead = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & kToRead) != 0 && !Receive(index)) return;
  const bool may_write = (events & EPOLLOUT) != 0;
  if (may_write && connections_[index].blocked && !Flush(index)) return;
  // The next one goes out before the rest of the batch is looked at.
  Serve(index);
}

bool ExchangeEngine::Receive(std::uint32_t index) {
  const Connection& connection = connections_[index];
  iovec into{};
  into.iov_base = buffer_.data();
  into.iov_len = buffer_.size();
  alignas(cmsghdr) std::array<std::uint8_t, 256> control{};
  msghdr message{};
  message.msg_iov = &into;
  message.msg_iovlen = 1;
  if (lane_.plan().kernel_times) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  ssize_t size = 0;
  do {
    size = ::recvmsg(connection.fd.get(), &message, MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size < 0) {
    if (errno == EAGAIN) return true;
    Close(index, {ConnectionEvent::kLost, ExchangeEnd::kLost, ExchangeEnd::kLost, -errno});
    return false;
  }
  if (size == 0) {
    ReadEnd(index);
    return false;
  }
  const std::uint64_t read_ns = MonotonicNs();
  std::uint64_t received_ns = read_ns;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_TIMESTAMPING) continue;
    // By software, none, by hardware.
    std::array<timespec, 3> stamps{};
    std::memcpy(stamps.data(), CMSG_DATA(header), sizeof(stamps));
    const std::uint64_t realtime = (static_cast<std::uint64_t>(stamps[0].tv_sec) * kNsPerSecond) +
                                   static_cast<std::uint64_t>(stamps[0].tv_nsec);
    if (realtime != 0) received_ns = std::min(read_ns, realtime - realtime_ahead_ns_);
  }
  return Read(index, buffer_.data(), static_cast<std::size_t>(size), received_ns, read_ns);
}

bool ExchangeEngine::Read(std::uint32_t index, const std::uint8_t* data, std::size_t size,
                          std::uint64_t received_ns, std::uint64_t read_ns) {
  const ExchangePlan& plan = lane_.plan();
  Connection& connection = connections_[index];
  for (std::size_t at = 0; at < size;) {
    const std::uint32_t place = connection.exchanges.first;
    if (place == kNone || exchanges_[place].sent_ns == 0) {
      Close(index, {ConnectionEvent::kUnasked, ExchangeEnd::kMalformed, ExchangeEnd::kCutShort, 0});
      return false;
    }
    Exchange& exchange = exchanges_[place];
    const std::uint64_t when = std::clamp(received_ns, exchange.sent_ns, read_ns);
    if (exchange.first_ns == 0) exchange.first_ns = when;
    const auto [said, used] = connection.reader->Read(data + at, size - at);
    exchange.bytes += used;
    plan.includes.Look(data + at, used, &exchange.included);
    at += used;
    switch (said) {
      case ResponseReader::Said::kMore:
        break;
      case ResponseReader::Said::kMalformed:
        Close(index,
              {ConnectionEvent::kClosed, ExchangeEnd::kMalformed, ExchangeEnd::kCutShort, 0});
        return false;
      case ResponseReader::Said::kTooLarge:
        Close(index, {ConnectionEvent::kClosed, ExchangeEnd::kTooLarge, ExchangeEnd::kCutShort, 0});
        return false;
      case ResponseReader::Said::kWhole: {
        const int code = connection.reader->code();
        const bool goes_on = connection.reader->goes_on();
        connection.useful = true;
        reconnect_pause_ns_ = 0;
        End(connection, IsWanted(exchange, code) ? ExchangeEnd::kAnswered : ExchangeEnd::kUnwanted,
            0, when, code);
        const bool is_worn_out =
            connection.begun >= plan.exchanges_per_connection && connection.in_flight == 0;
        if (goes_on && !is_worn_out) break;
        Close(index, {ConnectionEvent::kClosed, ExchangeEnd::kCutShort, ExchangeEnd::kCutShort, 0});
        return false;
      }
    }
  }
  if (MayTakeMore(connection) && !connection.has_room) {
    connection.free_ns = read_ns;
    GiveRoom(index);
  }
  return true;
}

void ExchangeEngine::ReadEnd(std::uint32_t index) {
  Connection& connection = connections_[index];
  const std::uint32_t place = connection.exchanges.first;
  if (place == kNone) {
    return Close(
        index, {ConnectionEvent::kEndedByPeer, ExchangeEnd::kCutShort, ExchangeEnd::kCutShort, 0});
  }
  if (exchanges_[place].sent_ns != 0 && connection.reader->ReadEnd()) {
    const int code = connection.reader->code();
    const bool is_wanted = IsWanted(exchanges_[place], code);
    End(connection, is_wanted ? ExchangeEnd::kAnswered : ExchangeEnd::kUnwanted, 0, MonotonicNs(),
        code);
  }
  Close(index, {ConnectionEvent::kEndedByPeer, ExchangeEnd::kCutShort, ExchangeEnd::kCutShort, 0});
}

bool ExchangeEngine::IsWanted(const Exchange& exchange, int code) const noexcept {
  const ExchangePlan& plan = lane_.plan();
  const auto given = static_cast<std::uint32_t>(code);
  return given >= plan.least_code && given <= plan.most_code &&
         plan.includes.IsFound(exchange.included);
}

void ExchangeEngine::End(Connection& connection, ExchangeEnd end, int status,
                         std::uint64_t received_ns, int code) {
  const std::uint32_t place = connection.exchanges.first;
  Exchange& exchange = exchanges_[place];
  const double origin_ms = lane_.plan().origin_ms;
  ExchangeFields fields = lane_.Unsent(exchange.given, end, status, MonotonicNs());
  fields.connection = static_cast<double>(connection.id);
  fields.free_at = MsSince(origin_ms, exchange.free_ns);
  fields.sent_at = MsSince(origin_ms, exchange.sent_ns);
  fields.first_at = MsSince(origin_ms, exchange.first_ns);
  fields.received_at = MsSince(origin_ms, received_ns);
  fields.bytes = static_cast<double>(exchange.bytes);
  fields.code = code;
  told_exchanges_.push_back(fields);
  connection.exchanges.first = exchange.next;
  if (exchange.next == kNone) connection.exchanges.last = kNone;
  if (connection.first_unsent == place) connection.first_unsent = exchange.next;
  --connection.in_flight;
  --in_flight_;
  (exchange.earlier == kNone ? by_deadline_.first : exchanges_[exchange.earlier].later) =
      exchange.later;
  (exchange.later == kNone ? by_deadline_.last : exchanges_[exchange.later].earlier) =
      exchange.earlier;
  exchange = {};
  exchange.next = free_exchange_;
  free_exchange_ = place;
}

void ExchangeEngine::Close(std::uint32_t index, const Farewell& farewell) {
  Connection& connection = connections_[index];
  if (connection.state == Connection::State::kConnecting) {
    return NotConnected(index, farewell.status, BulkStep::kEpollCtl, 0);
  }
  ExchangeEnd end = farewell.first;
  while (connection.exchanges.first != kNone) {
    End(connection, end, farewell.status, 0, 0);
    end = farewell.rest;
  }
  const std::uint64_t now = MonotonicNs();
  TellConnection(connection, farewell.event, farewell.status, BulkStep::kConnect, now);
  // A peer that takes connections and lets them go is not to be asked as fast as it can.
  if (farewell.event != ConnectionEvent::kClosed && !connection.useful) PauseConnecting(now);
  TakeRoom(index);
  PrepareClose(connection.fd.get(), connection.kind, true, lane_.plan().resets);
  open_sockets_.fetch_sub(1, std::memory_order_relaxed);
  FreeConnection(index);
}

void ExchangeEngine::TellConnection(const Connection& connection, ConnectionEvent event, int status,
                                    BulkStep step, std::uint64_t ended_ns) {
  const double origin_ms = lane_.plan().origin_ms;
  ConnectionFields fields{};
  fields.id = static_cast<double>(connection.id);
  fields.event = static_cast<double>(event);
  fields.status = status;
  fields.step = static_cast<double>(step);
  fields.peer = connection.peer;
  fields.started_at = MsSince(origin_ms, connection.opened_ns);
  fields.sent_at = MsSince(origin_ms, connection.connect.started_ns);
  fields.ready_at = MsSince(origin_ms, connection.ready_ns);
  fields.ended_at = MsSince(origin_ms, ended_ns);
  fields.exchanges = static_cast<double>(connection.begun);
  told_connections_.push_back(fields);
}

bool ExchangeEngine::MayTakeMore(const Connection& connection) const noexcept {
  const ExchangePlan& plan = lane_.plan();
  return connection.state == Connection::State::kOpen && connection.in_flight < plan.depth &&
         connection.begun < plan.exchanges_per_connection;
}

std::uint32_t ExchangeEngine::AllocateExchange() {
  const std::uint32_t place = free_exchange_;
  if (place == kNone) {
    exchanges_.emplace_back();
    return static_cast<std::uint32_t>(exchanges_.size() - 1);
  }
  free_exchange_ = std::exchange(exchanges_[place].next, kNone);
  return place;
}

std::uint32_t ExchangeEngine::AllocateConnection() {
  ++connection_count_;
  std::uint32_t index = free_connection_;
  if (index == kNone) {
    connections_.emplace_back();
    index = static_cast<std::uint32_t>(connections_.size() - 1);
  } else {
    free_connection_ = std::exchange(connections_[index].next, kNone);
  }
  connections_[index].id = lane_.NextConnection();
  return index;
}

void ExchangeEngine::FreeConnection(std::uint32_t index) {
  Connection& connection = connections_[index];
  const std::uint32_t generation = connection.generation + 1;
  // The memory of what it sends is kept for the next one.
  std::vector<std::uint8_t> out = std::move(connection.out);
  out.clear();
  connection = {};
  connection.out = std::move(out);
  connection.generation = generation;
  connection.next = free_connection_;
  free_connection_ = index;
  --connection_count_;
  // Another may be wanted in its place.
  more_ = true;
}

void ExchangeEngine::GiveRoom(std::uint32_t index) {
  Connection& connection = connections_[index];
  if (connection.free_ns == 0) connection.free_ns = MonotonicNs();
  connection.has_room = true;
  Append(room_, index);
}

void ExchangeEngine::TakeRoom(std::uint32_t index) noexcept {
  Connection& connection = connections_[index];
  if (!std::exchange(connection.has_room, false)) return;
  Remove(room_, index);
}

void ExchangeEngine::Append(List& list, std::uint32_t index) noexcept {
  Connection& connection = connections_[index];
  connection.previous = list.last;
  connection.next = kNone;
  (list.last == kNone ? list.first : connections_[list.last].next) = index;
  list.last = index;
}

void ExchangeEngine::Remove(List& list, std::uint32_t index) noexcept {
  const Connection& connection = connections_[index];
  (connection.previous == kNone ? list.first : connections_[connection.previous].next) =
      connection.next;
  (connection.next == kNone ? list.last : connections_[connection.next].previous) =
      connection.previous;
}

}  // namespace pollout
