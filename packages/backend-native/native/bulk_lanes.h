// BulkLanes: the bulk lanes of one backend, the engines that run them, and the way back to
// JavaScript.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "bulk_engine.h"
#include "bulk_lane.h"
#include "bulk_thread.h"
#include "loop.h"
#include "slab.h"

namespace pollout {

class BulkLanes final : private BulkEngine::Owner,
                        private BulkThread::Owner,
                        private LoopHandle::Owner {
 public:
  // Called from the event loop, outside of any JavaScript.
  class Owner {
   public:
    // It is time for Deliver().
    virtual void OnOutcomes() = 0;
    // After Close(): the loop has let go of the memory, and no thread runs any more.
    virtual void OnClosed() = 0;

   protected:
    ~Owner() = default;
  };

  // Outcomes delivered in one call.
  static constexpr std::size_t kMaxBatch = 256;

  // `threads`: 0 for the event loop's own. Kept sockets become sockets of `sockets`.
  BulkLanes(Owner& owner, SocketSlab& sockets, std::uint32_t threads) noexcept
      : owner_(owner), sockets_(sockets), threads_(threads) {}
  BulkLanes(const BulkLanes&) = delete;
  BulkLanes& operator=(const BulkLanes&) = delete;
  ~BulkLanes() = default;

  // The lane's number, never used again; -EBADF after Close(), 0 with an exception pending.
  std::int64_t Open(Napi::Env env, Loop* loop, BulkPlan plan, std::uint32_t limit,
                    Napi::Function sink);
  // Null for one that is closed.
  const BulkLane* Find(std::uint32_t lane) const noexcept;
  // Nothing on one that is closed.
  void Submit(std::uint32_t lane, const std::uint8_t* records, std::size_t count);
  void Limit(std::uint32_t lane, std::uint32_t most);
  void Cancel(std::uint32_t lane);

  // Batch after batch, to each lane in turn, for about a millisecond. An exception is left pending.
  void Deliver(Napi::Env env);

  // Sockets that are not in `sockets` yet.
  std::size_t open_sockets() const noexcept {
    return static_cast<std::size_t>(open_sockets_.load(std::memory_order_relaxed));
  }

  // Ends all; nothing is delivered after it. False where there is nothing to wait for: OnClosed()
  // is not called then.
  bool Close();
  // After Close(), where no loop will say that threads have ended.
  void WaitForThreads();

 private:
  struct Lane {
    std::shared_ptr<BulkLane> lane;
    Napi::FunctionReference sink;
  };
  struct Runner {
    Runner(BulkLanes& lanes, BulkEngine::Settings settings)
        : engine(lanes, settings, lanes.open_sockets_), thread(engine, lanes) {}

    BulkEngine engine;
    BulkThread thread;
  };

  // Called by engines.
  void OnOutcomes() override;
  void OnThreadEnded() override;

  // 0, or a negated errno; `*call` then names the system call that failed.
  int StartRunners(Loop& loop, const char** call);
  int StartOnLoop(Loop& loop, const char** call);
  bool AreThreadsEnded() const noexcept;
  // Takes up what the lane has, a batch at most, as the records of `array`. How many.
  std::size_t Take(BulkLane& lane, BulkFields* array);
  void Own(BulkOutcome& outcome, const BulkLane& lane);
  // Empty where there can be none.
  Napi::Float64Array PrepareRecords(Napi::Env env);
  void CloseHandles();

  void OnHandle(LoopHandle& handle, int error) override;
  void OnHandleClosed() override;
  void OnSignal();

  Owner& owner_;
  SocketSlab& sockets_;
  const std::uint32_t threads_;
  std::atomic<std::int64_t> open_sockets_{0};
  std::map<std::uint32_t, Lane> lanes_;
  std::uint32_t last_lane_ = 0;
  // The lane that was delivered to last.
  std::uint32_t served_ = 0;
  // None before the first lane; the loop's own is the only one then.
  std::vector<std::unique_ptr<Runner>> runners_;
  bool on_loop_ = false;
  // The loop's own engine has outcomes.
  bool told_ = false;
  bool closing_ = false;
  // Outcomes wait, or a thread has ended.
  LoopHandle* signal_ = nullptr;
  // Of the loop's own engine.
  LoopHandle* watch_ = nullptr;
  int open_handles_ = 0;
  std::vector<BulkOutcome> batch_;
  Napi::Reference<Napi::Float64Array> records_;
};

}  // namespace pollout
