// Loop: what the backend asks of the event loop of the runtime that it was loaded into.
//
// There are two. Node's is libuv's, and is asked directly: uv_loop.cc. Other runtimes have the
// Node-API without it: there a thread waits in epoll_wait(2), and comes to JavaScript by a
// thread-safe function: thread_loop.cc. All else in the addon knows neither.
#pragma once

#include <napi.h>

#include <memory>

namespace pollout {

// One reason for the loop to call. It belongs to the loop, and is gone once OnHandleClosed() was
// called. A new one keeps no process alive.
class LoopHandle {
 public:
  // Called on JavaScript's thread, outside of any JavaScript.
  class Owner {
   public:
    // What was waited for has come; `error` is a negated errno where it never will.
    virtual void OnHandle(LoopHandle& handle, int error) = 0;
    virtual void OnHandleClosed() = 0;

   protected:
    ~Owner() = default;
  };

  LoopHandle(const LoopHandle&) = delete;
  LoopHandle& operator=(const LoopHandle&) = delete;

  virtual void KeepAlive(bool keep) noexcept = 0;
  // Of Loop::Signal() and Loop::BeforeSleep(): has the loop call, once for any number of these.
  virtual void Send() noexcept = 0;
  // No OnHandle() comes after this.
  virtual void Close() noexcept = 0;

 protected:
  LoopHandle() = default;
  virtual ~LoopHandle() = default;
};

class Loop {
 public:
  class Owner {
   public:
    // The environment exits: no JavaScript runs any more, and all handles are to be closed.
    virtual void OnEnvironmentExit() = 0;

   protected:
    ~Owner() = default;
  };

  struct Opened {
    // Null where it failed.
    LoopHandle* handle;
    // 0, or a negated errno.
    int failed;
    const char* call;
  };

  // `later` is setImmediate(), for a loop without libuv; empty for libuv's. Null where there is
  // none, with an exception pending.
  static std::unique_ptr<Loop> Of(Napi::Env env, Napi::Function later, Owner& owner);

  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // Once all its handles are closed; an environment that exits waits for this.
  virtual ~Loop() = default;

  // Whether it calls in a callback scope: when that ends, nextTick and microtasks run.
  virtual bool calls_in_scope() const noexcept = 0;
  // Whether no Send() is answered any more once the environment exits.
  virtual bool ends_at_exit() const noexcept = 0;

  // Calls in each turn in which the descriptor is readable: level-triggered. It has to stay open
  // until Close() was called.
  virtual Opened Watch(int fd, LoopHandle::Owner& owner) noexcept = 0;
  // Calls after Send(), which any thread may call.
  virtual Opened Signal(LoopHandle::Owner& owner) noexcept = 0;
  // Calls after Send(), before the loop sleeps. Cannot fail.
  virtual LoopHandle* BeforeSleep(LoopHandle::Owner& owner) noexcept = 0;

 protected:
  Loop() = default;
};

}  // namespace pollout
