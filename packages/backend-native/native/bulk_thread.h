// BulkThread: a thread that drives one engine, until that is stopped.
#pragma once

#include <pthread.h>

#include <atomic>

#include "bulk_engine.h"

namespace pollout {

class BulkThread {
 public:
  class Owner {
   public:
    // Called on the thread, as the last thing it does: `ended()` is true from here on.
    virtual void OnThreadEnded() = 0;

   protected:
    ~Owner() = default;
  };

  BulkThread(BulkEngine& engine, Owner& owner) noexcept : engine_(engine), owner_(owner) {}
  BulkThread(const BulkThread&) = delete;
  BulkThread& operator=(const BulkThread&) = delete;
  ~BulkThread() = default;

  // 0, or a negated errno. One that was started is to be joined.
  int Start() noexcept;
  bool ended() const noexcept { return ended_.load(); }
  void Join() const noexcept;

 private:
  static void* Run(void* data);

  BulkEngine& engine_;
  Owner& owner_;
  pthread_t thread_{};
  std::atomic<bool> ended_{false};
};

}  // namespace pollout
