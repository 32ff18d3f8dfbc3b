// BulkEngine: runs the attempts of the bulk lanes, from socket(2) to close(2), on one thread.
//
// It sleeps in nothing but its epoll set, in which there are, beside the sockets, a timer and a
// wake-up. So whoever waits for that one descriptor can drive it: a thread of its own that does
// nothing else (bulk_thread.h), or an event loop.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "bulk_lane.h"
#include "bulk_records.h"
#include "connect_completion.h"
#include "epoll_set.h"
#include "socket.h"
#include "spare_sockets.h"
#include "unique_fd.h"

namespace pollout {

class BulkEngine {
 public:
  class Owner {
   public:
    // Lanes have outcomes. Called on the engine's thread, and not for each of them.
    virtual void OnOutcomes() = 0;

   protected:
    ~Owner() = default;
  };

  // How many of each may be handled in one round: events, starts, deadlines.
  static constexpr int kMaxBatch = 256;
  static constexpr std::size_t kMaxSpares = 64;

  struct Settings {
    // Which of the engines that divide the limit this is.
    std::uint32_t index = 0;
    // At most kMaxBatch.
    int batch = kMaxBatch;
    // While there is more to do, OnOutcomes() is not called more often than that, and where no
    // outcome may be a connection that somebody waits for, not more often than this.
    std::uint64_t quiet_ns = 0;
    std::uint64_t quiet_unkept_ns = 0;
    // After so many starts, others that wait for the thread's core may go first; 0: never.
    int yield_every = 0;
  };

  // `open_sockets`: counts those that no one else counts.
  BulkEngine(Owner& owner, Settings settings, std::atomic<std::int64_t>& open_sockets) noexcept;
  BulkEngine(const BulkEngine&) = delete;
  BulkEngine& operator=(const BulkEngine&) = delete;
  ~BulkEngine() = default;

  // 0, or a negated errno; `*call` then names the system call that failed.
  int Open(const char** call) noexcept;
  // Readable when there is something to do.
  int fd() const noexcept { return set_.fd(); }

  // From any thread.
  void Add(std::shared_ptr<BulkLane> lane);
  // Says that attempts were submitted, or a limit has changed.
  void Poke() noexcept;
  // Ends the lane's attempts; what they would have told is dropped.
  void Remove(std::shared_ptr<BulkLane> lane);
  void Stop();

  // From the engine's thread. Looks once for what is ready, waiting for it if `may_sleep`, and does
  // what is to be done. False once it was stopped: all is closed then.
  bool Round(bool may_sleep);
  // The same for what was asked by the calls above, and for that alone.
  void ObeyNow();

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::uint64_t kNever = UINT64_MAX;

  // What an event carries: an attempt's place and its generation, or one of the two below.
  static constexpr std::uint64_t EventOf(std::uint32_t index, std::uint32_t generation) noexcept {
    return (std::uint64_t{generation} << 32U) | index;
  }
  static constexpr std::uint64_t kWakeEvent = kNone;
  static constexpr std::uint64_t kTimerEvent = (std::uint64_t{1} << 32U) | kNone;

  // A lane, as this engine has it.
  struct Share {
    explicit Share(std::shared_ptr<BulkLane> of) noexcept : lane(std::move(of)) {}

    std::shared_ptr<BulkLane> lane;
    std::uint32_t in_flight = 0;
    // Those in flight by their deadlines.
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    // When the next start is due; kNever where none is known.
    std::uint64_t due_ns = kNever;
    // Less in flight than may be, and nothing in the queue.
    bool starved = true;
    // The same, and the next starts are the next round's.
    bool more = false;
    // The last one that was asked had ended within connect(2).
    bool prompt = true;
    // It had failed.
    bool failing = false;
    // Starts since then of which none was.
    int unasked = 0;
    // Of its outcomes the owner was not told.
    bool unannounced = false;
    std::vector<BulkOutcome> outcomes;

    // Whether the next one starts as soon as one has ended.
    bool is_pressed() const noexcept { return !starved && due_ns == kNever; }
  };

  struct Attempt {
    UniqueFd fd;
    std::uint32_t generation = 0;
    std::uint32_t id = 0;
    // By deadline; of free ones `next` is the free list.
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
    SocketKind kind;
    // In the epoll set, mute or not.
    bool registered = false;
    // None where the socket must not be used again.
    TcpPeer peer;
    std::uint64_t deadline_ns = kNever;
    std::uint64_t opened_ns = 0;
    Share* share = nullptr;
    ConnectProgress connect;
  };

  struct Command {
    enum class What : std::uint8_t { kAdd, kRemove, kStop };
    What what;
    std::shared_ptr<BulkLane> lane;
  };

  // What is told of an attempt; times as MonotonicNs() counts them, 0 where there is none.
  struct Ending {
    int status = 0;
    BulkStep step = BulkStep::kSocket;
    // Of kSetsockopt.
    std::size_t option = 0;
    std::uint64_t opened_ns = 0;
    std::uint64_t sent_ns = 0;
    std::uint64_t ready_ns = 0;
  };

  void Post(Command::What what, std::shared_ptr<BulkLane> lane);
  void Wake() const noexcept;
  // False where something was asked meanwhile.
  bool PrepareSleep() noexcept;
  // Whether there may be more to start.
  bool Obey();
  void Drop(const BulkLane* lane);

  void HandleEvents(int found, std::uint64_t now);
  void HandleSocket(const epoll_event& event, std::uint64_t now);
  // The set cannot be waited for: ends all that is in it.
  void FailAll(int error);

  void Fill(Share& share, std::uint64_t now);
  // When it ended, 0 where it is in flight.
  std::uint64_t Start(Share& share, const BulkAttempt& given);
  // The same. For one that has just begun.
  std::uint64_t FinishAtOnce(std::uint32_t index);
  std::uint64_t Register(std::uint32_t index);
  // Options and local address; false where `ending` tells what went wrong.
  static bool Prepare(const BulkPlan& plan, const BulkAttempt& given, int fd, sa_family_t family,
                      Ending* ending) noexcept;
  void Expire(Share& share, std::uint64_t now);
  // Closes the socket, or keeps it, for JavaScript or as a spare, and tells. When that was.
  std::uint64_t End(std::uint32_t index, int status, BulkStep step, std::uint64_t ready_ns);
  // The same, by the completion rule.
  std::uint64_t Finish(std::uint32_t index, const ConnectEnd& end);
  // What becomes of a socket that is not JavaScript's.
  void Dispose(Attempt& attempt, bool connected, bool failed) noexcept;
  std::uint64_t Tell(Share& share, std::uint32_t id, const Ending& ending, KeptSocket kept);

  std::uint32_t Allocate();
  void Free(std::uint32_t index) noexcept;
  void Link(Share& share, std::uint32_t index) noexcept;
  void Unlink(Share& share, std::uint32_t index) noexcept;

  void Announce(std::uint64_t now);
  // How long its outcomes may wait.
  std::uint64_t QuietOf(const Share& share) const noexcept;
  // When the timer has to fire for the deadlines and the starts.
  std::uint64_t NextMoment() const noexcept;
  void SetTimer(std::uint64_t at) noexcept;

  Owner& owner_;
  const Settings settings_;
  std::atomic<std::int64_t>& open_sockets_;
  EpollSet set_;
  UniqueFd wake_;
  UniqueFd timer_;

  std::mutex mutex_;
  // Under the mutex.
  std::vector<Command> inbox_;
  // Attempts were submitted, or a limit has changed.
  bool poked_ = false;
  bool sleeping_ = false;

  // What was in the inbox.
  std::vector<Command> orders_;
  std::vector<std::unique_ptr<Share>> shares_;
  std::vector<Attempt> attempts_;
  std::uint32_t first_free_ = kNone;
  // Empty between rounds.
  SpareSockets spares_{kMaxSpares};
  std::array<epoll_event, kMaxBatch> events_{};
  int starts_left_ = 0;
  // Starts since it has yielded.
  int unyielding_ = 0;
  // There are more starts, or deadlines, than one round does.
  bool more_ = false;
  bool stopped_ = false;
  // When the owner was told last.
  std::uint64_t announced_ns_ = 0;
  // When the timer is to fire; kNever where it is not.
  std::uint64_t timer_ns_ = kNever;
};

}  // namespace pollout
