// Backend: the sockets, the poller and the sink of one backend, and how long they live.
//
// The object is shared: the event loop holds it until the poller's handle is closed, and each
// function given to JavaScript holds it until that is collected. It goes with the last of them.
// What it holds of the system goes earlier and at one of two moments only, in destroy() and in the
// environment's cleanup hook; never in a finalizer, when the loop may be gone already.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "bulk_lanes.h"
#include "exchange_lanes.h"
#include "loop.h"
#include "poller.h"
#include "recycler.h"
#include "sink.h"
#include "slab.h"
#include "socket_address.h"

namespace pollout {

// In milliseconds, on the scale that the backend was told; NaN where not known.
struct ConnectTimes {
  double started = 0;
  double ended = 0;
};

class Backend final : private Loop::Owner,
                      private Poller::Owner,
                      private Recycler::Owner,
                      private BulkLanes::Owner,
                      private ExchangeLanes::Owner {
 public:
  // Null, with an exception pending, where the system refuses.
  // `origin_ms`: what MonotonicNs() says at the zero of ConnectTimes. `threads`: for bulk lanes.
  // `later`: as Loop::Of() has it.
  static Backend* Create(Napi::Env env, Napi::Function ready, Napi::Function broken,
                         double origin_ms, std::uint32_t threads, Napi::Function later);

  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  void Retain() noexcept { ++owners_; }
  void Release() noexcept;

  SocketSlab& sockets() noexcept { return sockets_; }
  BulkLanes& lanes() noexcept { return lanes_; }
  ExchangeLanes& exchange_lanes() noexcept { return exchange_lanes_; }
  // Null once it is closed.
  Loop* loop() noexcept { return loop_.get(); }
  double origin_ms() const noexcept { return origin_ms_; }

  // A handle, or a negated errno.
  std::int64_t Open(SocketKind kind);
  // The same for an open descriptor from elsewhere, which stays the caller's where it is refused.
  std::int64_t Adopt(int fd);
  int Bind(double handle, const SocketAddress& at);
  int Connect(double handle, const SocketAddress& to);
  int ConnectAndWait(double handle, const SocketAddress& to, double timeout_ms);
  int Disconnect(double handle);
  // The completion rule: see connect_completion.h.
  int FinishConnect(double handle, ConnectTimes* times);

  struct Claimed {
    // Valid until the next socket is opened; null where that failed.
    Socket* socket;
    // 0, or a negated errno.
    int failed;
  };
  // For what leaves its mark on a socket: it is not used again afterwards, and was not before.
  Claimed Claim(double handle) noexcept;

  int Register(double handle, double token, std::uint32_t interest);
  int Watch(double handle, double token);
  void Deregister(double handle);
  void Close(double handle, bool reset);
  // The descriptor, the caller's from here on, or a negated errno.
  int Detach(double handle);

  // Delivers what is ready now, from within a call of JavaScript.
  void Poll(Napi::Env env);

  void SetRef(bool ref);

  // Gives everything back, open connections by RST or with what the kernel has of them sent first;
  // `closed` is called from the event loop once that is done. The second time it does nothing, and
  // calls nobody.
  void Destroy(Napi::Function closed, bool reset);

 private:
  Backend(Napi::Env env, double origin_ms, std::uint32_t threads);
  ~Backend() = default;

  void OnEnvironmentExit() override;
  void OnReady() override;
  void OnBroken(int error) override;
  void OnOutcomes() override;
  void OnExchanges() override;
  void OnClosed() override;

  // Has a recycled socket be one for that peer; with none given it becomes a new one, as to whom it
  // will connect cannot be told. Others stay as they are. 0, or a negated errno with the handle
  // void.
  int Suit(Socket& socket, std::uint64_t handle, const TcpPeer& peer) noexcept;
  static int Finish(Socket& socket) noexcept;

  // One batch, if anything is ready. Whether there may be another.
  bool Deliver(Napi::Env env);
  void GiveBack(bool reset);
  // Brings the loop's and the collector's view up to date with the number of armed registrations.
  void Settle();

  napi_env env_;
  double origin_ms_;
  std::unique_ptr<Loop> loop_;
  SocketSlab sockets_;
  Poller poller_;
  Recycler recycler_;
  BulkLanes lanes_;
  ExchangeLanes exchange_lanes_;
  // Of the poller, the recycler and the lanes of both kinds, those that are not closed yet.
  int open_parts_ = 4;
  // Until the loop's handles are closed.
  std::optional<Sink> sink_;
  Napi::FunctionReference closed_;
  std::uint32_t owners_ = 1;
  bool referenced_ = true;
  bool kept_alive_ = false;
  bool delivering_ = false;
  bool broken_ = false;
  bool closing_ = false;
  bool environment_exits_ = false;
};

}  // namespace pollout
