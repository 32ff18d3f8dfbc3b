// ExchangeEngine: runs exchanges of one lane, on connections of its own, on one thread.
//
// It sleeps in nothing but its epoll set, in which there are, beside the sockets, a timer and a
// wake-up, as a bulk engine does (bulk_engine.h).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "connect_completion.h"
#include "epoll_set.h"
#include "exchange_lane.h"
#include "response_reader.h"
#include "unique_fd.h"

namespace pollout {

class ExchangeEngine {
 public:
  class Owner {
   public:
    // The lane has outcomes. Called on the engine's thread, and not for each of them.
    virtual void OnExchanges() = 0;

   protected:
    ~Owner() = default;
  };

  // `index`: which of the engines that divide the connections this is.
  ExchangeEngine(Owner& owner, ExchangeLane& lane, std::uint32_t index) noexcept
      : owner_(owner), lane_(lane), index_(index) {}
  ExchangeEngine(const ExchangeEngine&) = delete;
  ExchangeEngine& operator=(const ExchangeEngine&) = delete;
  ~ExchangeEngine() = default;

  // 0, or a negated errno; `*call` then names the system call that failed.
  int Open(const char** call) noexcept;

  // From any thread.
  // Exchanges were submitted, or the lane was stopped.
  void Poke() noexcept;
  // Closes all, and has Run() return.
  void Stop() noexcept;
  std::size_t open_sockets() const noexcept {
    return open_sockets_.load(std::memory_order_relaxed);
  }

  // On the thread that is to do it.
  void Run();

 private:
  static constexpr int kMaxBatch = 256;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // What an event carries: a connection's place and its generation, or one of the two below.
  static constexpr std::uint64_t EventOf(std::uint32_t index, std::uint32_t generation) noexcept {
    return (std::uint64_t{generation} << 32U) | index;
  }
  static constexpr std::uint64_t kWakeEvent = kNone;
  static constexpr std::uint64_t kTimerEvent = (std::uint64_t{1} << 32U) | kNone;

  // Places in one of the two vectors below, linked.
  struct List {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
  };

  // An exchange that has a connection.
  struct Exchange {
    ExchangeLane::Submitted given;
    std::uint64_t deadline_ns = 0;
    std::uint64_t free_ns = 0;
    std::uint64_t sent_ns = 0;
    std::uint64_t first_ns = 0;
    std::uint64_t bytes = 0;
    // In the stream of what its connection sends.
    std::uint64_t begins_at = 0;
    ByteMatcher::State included = 0;
    std::uint32_t connection = kNone;
    // Behind it on its connection; of free ones the free list.
    std::uint32_t next = kNone;
    // By deadline: they begin in the order of these.
    std::uint32_t earlier = kNone;
    std::uint32_t later = kNone;
  };

  struct Connection {
    enum class State : std::uint8_t { kFree, kConnecting, kOpen };

    UniqueFd fd;
    std::uint32_t generation = 0;
    State state = State::kFree;
    SocketKind kind;
    std::uint32_t peer = 0;
    std::uint64_t id = 0;
    std::uint64_t opened_ns = 0;
    std::uint64_t ready_ns = 0;
    std::uint64_t deadline_ns = 0;
    // When it last came to have room.
    std::uint64_t free_ns = 0;
    ConnectProgress connect;
    std::uint64_t begun = 0;
    std::uint32_t in_flight = 0;
    // Of its exchanges: in the order of their sending, and the first of which no byte was sent.
    List exchanges;
    std::uint32_t first_unsent = kNone;
    // What is to be sent, from `out_at` on; and how much was sent before it.
    std::vector<std::uint8_t> out;
    std::size_t out_at = 0;
    std::uint64_t sent = 0;
    // It waits to be writable.
    bool blocked = false;
    // There was an answer on it.
    bool useful = false;
    // It is in the list of those with room.
    bool has_room = false;
    std::unique_ptr<ResponseReader> reader;
    // In the list of those with room, or of those that connect; of free ones the free list.
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
  };

  // Why a connection goes, and what is told of the exchanges on it.
  struct Farewell {
    ConnectionEvent event;
    // Of the first exchange, and of those behind it.
    ExchangeEnd first;
    ExchangeEnd rest;
    // A negated errno, or 0.
    int status;
  };

  void Wake() const noexcept;
  // False where it was stopped.
  bool Round();
  bool IsToGoOn() noexcept;
  bool PrepareSleep() noexcept;
  void HandleEvents(int found);
  void Clear(int fd) const noexcept;
  void CloseAll();

  // What is due goes out, as far as there is room; connections are made where there is none.
  void Pump();
  void ConnectMore(std::size_t due);
  void ExpireAll();
  void Announce();
  void SetTimer();

  // There are connections that serve those who wait, whatever becomes of another one.
  bool ServesAnyway() const noexcept;
  void PauseConnecting(std::uint64_t now) noexcept;
  void Connect();
  void HandleConnecting(std::uint32_t index, std::uint32_t events);
  void HandleOpen(std::uint32_t index, std::uint32_t events);
  void Established(std::uint32_t index, std::uint64_t ready_ns);
  // 0, or a negated errno.
  int Prepare(const ExchangePlan::Peer& peer, int fd, BulkStep* step) noexcept;
  // `index`: of its place, which is free then.
  void NotConnected(std::uint32_t index, int status, BulkStep step, std::uint64_t ready_ns);

  // What is due, as far as the connection has room for it.
  void Serve(std::uint32_t index);
  void Begin(std::uint32_t index, const ExchangeLane::Submitted& given);
  // False where the connection is gone.
  bool Flush(std::uint32_t index);
  bool Receive(std::uint32_t index);
  bool Read(std::uint32_t index, const std::uint8_t* data, std::size_t size,
            std::uint64_t received_ns, std::uint64_t read_ns);
  void ReadEnd(std::uint32_t index);
  // The first of its exchanges.
  void End(Connection& connection, ExchangeEnd end, int status, std::uint64_t received_ns,
           int code);
  bool IsWanted(const Exchange& exchange, int code) const noexcept;
  void Close(std::uint32_t index, const Farewell& farewell);
  void TellConnection(const Connection& connection, ConnectionEvent event, int status,
                      BulkStep step, std::uint64_t ended_ns);

  std::uint32_t AllocateExchange();
  std::uint32_t AllocateConnection();
  void FreeConnection(std::uint32_t index);
  void GiveRoom(std::uint32_t index);
  void TakeRoom(std::uint32_t index) noexcept;
  void Append(List& list, std::uint32_t index) noexcept;
  void Remove(List& list, std::uint32_t index) noexcept;
  bool MayTakeMore(const Connection& connection) const noexcept;

  Owner& owner_;
  ExchangeLane& lane_;
  const std::uint32_t index_;
  EpollSet set_;
  UniqueFd wake_;
  UniqueFd timer_;
  // Free places in the two vectors below.
  std::uint32_t free_exchange_ = kNone;
  std::uint32_t free_connection_ = kNone;
  // Whose turn it is.
  std::uint32_t next_peer_ = 0;
  std::uint32_t next_source_ = 0;

  std::mutex mutex_;
  // Under the mutex.
  bool poked_ = false;
  bool sleeping_ = false;
  bool stopping_ = false;

  // There is more than one round does; the first makes the connections that are wanted.
  bool more_ = true;
  // Nothing is under way, and nothing queued.
  bool idle_ = false;
  // JavaScript is to be told of outcomes.
  bool unannounced_ = false;
  // The last connect had ended within connect(2).
  bool prompt_ = true;

  std::vector<Exchange> exchanges_;
  // Those in flight, by their deadlines.
  List by_deadline_;
  std::size_t in_flight_ = 0;
  std::vector<Connection> connections_;
  std::size_t connection_count_ = 0;
  std::size_t connecting_count_ = 0;
  // By deadline; and those that have had room for the longest time first.
  List connecting_;
  List room_;
  // None is made before, where none has to be.
  std::uint64_t reconnect_ns_ = 0;
  std::uint64_t reconnect_pause_ns_ = 0;

  // Of this round.
  std::uint64_t now_ = 0;
  // What CLOCK_REALTIME is ahead of CLOCK_MONOTONIC by.
  std::uint64_t realtime_ahead_ns_ = 0;
  std::uint64_t next_due_ns_ = kNoDeadline;
  std::uint64_t queue_expires_ns_ = kNoDeadline;
  std::uint64_t timer_ns_ = kNoDeadline;
  std::uint64_t announced_ns_ = 0;

  std::vector<ExchangeFields> told_exchanges_;
  std::vector<ConnectionFields> told_connections_;
  std::atomic<std::size_t> open_sockets_{0};
  std::array<epoll_event, kMaxBatch> events_{};
  std::array<std::uint8_t, std::size_t{64} * 1024> buffer_{};
};

}  // namespace pollout
