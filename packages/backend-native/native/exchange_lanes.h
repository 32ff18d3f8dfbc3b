// ExchangeLanes: the exchange lanes of one backend, the threads that run them, and the way back to
// JavaScript.
#pragma once

#include <napi.h>
#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "exchange_engine.h"
#include "exchange_lane.h"
#include "loop.h"

namespace pollout {

class ExchangeLanes final : private ExchangeEngine::Owner, private LoopHandle::Owner {
 public:
  // Called from the event loop, outside of any JavaScript.
  class Owner {
   public:
    // It is time for Deliver().
    virtual void OnExchanges() = 0;
    // After Close(): the loop has let go of the memory.
    virtual void OnClosed() = 0;

   protected:
    ~Owner() = default;
  };

  // Outcomes delivered in one call.
  static constexpr std::size_t kMaxBatch = 512;

  explicit ExchangeLanes(Owner& owner) noexcept : owner_(owner) {}
  ExchangeLanes(const ExchangeLanes&) = delete;
  ExchangeLanes& operator=(const ExchangeLanes&) = delete;
  ~ExchangeLanes() = default;

  // The lane's number, never used again; -EBADF after Close(), 0 with an exception pending.
  // `threads`: at least one.
  std::int64_t Open(Napi::Env env, Loop* loop, ExchangePlan plan, std::uint32_t threads,
                    Napi::Function exchanges, Napi::Function connections);
  // Null for one that is closed.
  const ExchangePlan* Find(std::uint32_t lane) const noexcept;
  // Nothing on one that is closed.
  void Submit(std::uint32_t lane, const double* records, std::size_t count);
  void Stop(std::uint32_t lane);
  // Its threads have ended when this returns.
  void Cancel(std::uint32_t lane);

  // Batch after batch, to each lane in turn, for about a millisecond. An exception is left pending.
  void Deliver(Napi::Env env);

  std::size_t open_sockets() const noexcept;

  // Ends all; nothing is delivered after it. False where there is nothing to wait for: OnClosed()
  // is not called then.
  bool Close();

 private:
  // One engine on a thread of its own, which ends with it.
  class Runner {
   public:
    Runner(ExchangeLanes& lanes, ExchangeLane& lane, std::uint32_t index) noexcept
        : engine_(lanes, lane, index) {}
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;
    ~Runner();

    // 0, or a negated errno; `*call` then names the system call that failed.
    int Start(const char** call) noexcept;
    ExchangeEngine& engine() noexcept { return engine_; }
    const ExchangeEngine& engine() const noexcept { return engine_; }

   private:
    ExchangeEngine engine_;
    pthread_t thread_{};
    bool started_ = false;
  };

  struct Lane {
    std::unique_ptr<ExchangeLane> lane;
    Napi::FunctionReference exchanges;
    Napi::FunctionReference connections;
    // Gone before the lane that they run.
    std::vector<std::unique_ptr<Runner>> runners;
  };

  template <typename Fields>
  static void Call(Napi::Env env, const Napi::FunctionReference& sink,
                   const std::vector<Fields>& told);
  // What the lane has, in one call of each sink at most. False where it had nothing.
  bool DeliverTo(Napi::Env env, std::uint32_t number);

  // Called by engines.
  void OnExchanges() override;
  void OnHandle(LoopHandle& handle, int error) override;
  void OnHandleClosed() override;

  Owner& owner_;
  std::map<std::uint32_t, Lane> lanes_;
  std::uint32_t last_lane_ = 0;
  // The lane that was delivered to last.
  std::uint32_t served_ = 0;
  bool closing_ = false;
  // Outcomes wait. None before the first lane.
  LoopHandle* signal_ = nullptr;
  std::vector<ExchangeFields> exchanges_;
  std::vector<ConnectionFields> connections_;
};

}  // namespace pollout
