// Loop without libuv: a thread waits, and a thread-safe function comes to JavaScript.
//
// Bun and Deno have the Node-API, and of libuv no watchers. What they have is
// napi_threadsafe_function: any thread may call it, and the runtime then calls back on JavaScript's
// thread, in the order of the calls.
//
// The thread waits in epoll_wait(2) for all that is watched, and is never waited for itself, but to
// end. Each descriptor is registered for one report, EPOLLONESHOT. The thread passes the report on
// and goes back to wait; JavaScript's thread deals with it, and registers the descriptor anew,
// which looks at the level again. So there is one call under way for each handle, at most.
//
// It is registered anew by setImmediate(), and not at once: a runtime makes all the calls that are
// there, so a next report could come before the immediates that the last one led to. With libuv
// they run in between, and JavaScript builds on that: node:tls ends a write in one.
//
// A turn costs two more changes of threads than with libuv. It is for those who have no libuv.
//
// Whose memory it is: a handle is deleted on JavaScript's thread, by the call that comes after its
// Close(), or where the environment exits. The thread knows a handle by a number, and looks it up
// under the lock under which Close() takes it away: it makes no call for a closed one.
//
// Runtimes differ in what becomes of calls that are under way when an environment exits: Node makes
// them without an environment, Bun makes them later, Deno never. So a call carries nothing: what is
// due stands in a queue of ours, and the hook of the environment's exit deals with what is left.
#include "thread_loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "epoll_set.h"
#include "quiet_thread.h"
#include "unique_fd.h"

namespace pollout {

namespace {

class ThreadHandle;

class ThreadLoop final : public Loop {
 public:
  explicit ThreadLoop(Owner& owner) noexcept : owner_(owner) {}
  ThreadLoop(const ThreadLoop&) = delete;
  ThreadLoop& operator=(const ThreadLoop&) = delete;
  ~ThreadLoop() override;

  // 0, or a negated errno; `*call` then names what failed.
  int Open(Napi::Function later, const char** call);

  bool calls_in_scope() const noexcept override { return true; }
  bool ends_at_exit() const noexcept override { return true; }
  Opened Watch(int fd, LoopHandle::Owner& owner) noexcept override;
  Opened Signal(LoopHandle::Owner& owner) noexcept override;
  // Comes a turn late: that is as good.
  LoopHandle* BeforeSleep(LoopHandle::Owner& owner) noexcept override;

  // Has the runtime call the handle's Arrive(). Once, until that has come.
  void Call(ThreadHandle& handle) noexcept;
  void KeepAlive(bool keep) noexcept;
  // Tells the runtime, if it does not know yet, whether anything is to keep it alive. A runtime may
  // refuse to hear it while an exception is pending.
  void Settle() noexcept;
  void Deregister(ThreadHandle& handle) noexcept;
  // Registers it again in a later turn.
  void RegisterLater(ThreadHandle& handle);

 private:
  // The number of what ends the thread.
  static constexpr std::uint64_t kStop = 0;
  // One report.
  static constexpr std::uint32_t kReport = EPOLLIN | EPOLLONESHOT;

  // What functions get that may outlive the loop: null once it is gone.
  struct Gate {
    ThreadLoop* loop;
  };

  static void* Run(void* data);
  void Wait() noexcept;

  static void OnCall(napi_env env, napi_value function, void* context, void* data);
  static void OnFunctionGone(napi_env env, void* data, void* context);
  static void OnEnvironmentExit(void* data);
  // What is due first, if anything is. It may end the loop.
  bool Answer();
  void RegisterReported();

  Owner& owner_;
  napi_env env_ = nullptr;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>(Gate{this});
  napi_threadsafe_function function_ = nullptr;
  // Under `calling_`: those that a call is under way for, in its order.
  std::mutex calling_;
  std::deque<ThreadHandle*> due_;
  bool exits_ = false;

  Napi::FunctionReference later_;
  Napi::FunctionReference register_reported_;
  // Reported, and not registered again yet; and whether a call that does so is under way.
  std::vector<ThreadHandle*> reported_;
  bool will_register_ = false;

  EpollSet set_;
  UniqueFd stop_;
  pthread_t thread_{};
  bool runs_ = false;
  int keepers_ = 0;
  bool kept_alive_ = false;
  std::uint64_t last_number_ = kStop;

  std::mutex mutex_;
  std::map<std::uint64_t, ThreadHandle*> watched_;
};

class ThreadHandle final : public LoopHandle {
 public:
  ThreadHandle(ThreadLoop& loop, Owner& owner, std::uint64_t number, int fd) noexcept
      : number(number), fd(fd), loop_(loop), owner_(owner) {}

  void KeepAlive(bool keep) noexcept override {
    if (keep == kept_) return;
    kept_ = keep;
    loop_.KeepAlive(keep);
  }
  void Send() noexcept override {
    if (!sent_.exchange(true)) loop_.Call(*this);
  }
  void Close() noexcept override {
    closed_ = true;
    loop_.Deregister(*this);
    // Until the call has arrived.
    KeepAlive(true);
    Send();
  }

  // Of one that could not be watched.
  void Discard() noexcept { delete this; }

  void Arrive() {
    if (closed_) {
      KeepAlive(false);
      Owner& owner = owner_;
      delete this;
      owner.OnHandleClosed();
      return;
    }
    sent_ = false;
    owner_.OnHandle(*this, 0);
    if (fd >= 0 && !closed_) loop_.RegisterLater(*this);
    loop_.Settle();
  }

  const std::uint64_t number;
  // -1 where none is watched.
  const int fd;

 private:
  ~ThreadHandle() override = default;

  ThreadLoop& loop_;
  Owner& owner_;
  std::atomic<bool> sent_{false};
  bool kept_ = false;
  bool closed_ = false;
};

int ThreadLoop::Open(Napi::Function later, const char** call) {
  const Napi::Env env = later.Env();
  env_ = env;
  int failed = set_.Open(call);
  if (failed != 0) return failed;
  *call = "eventfd";
  stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_) return -errno;
  *call = "epoll_ctl";
  failed = set_.Add(stop_.get(), EPOLLIN, kStop);
  if (failed != 0) return failed;
  later_ = Napi::Persistent(later);
  register_reported_ =
      Napi::Persistent(Napi::Function::New(env, [gate = gate_](const Napi::CallbackInfo& /*info*/) {
        if (gate->loop != nullptr) gate->loop->RegisterReported();
      }));
  *call = "napi_create_threadsafe_function";
  napi_value name = nullptr;
  auto gate = std::make_unique<std::shared_ptr<Gate>>(gate_);
  if (napi_create_string_utf8(env, "pollout", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, gate.get(),
                                      &ThreadLoop::OnFunctionGone, gate.get(), &ThreadLoop::OnCall,
                                      &function_) != napi_ok) {
    return -ENOMEM;
  }
  static_cast<void>(gate.release());
  napi_unref_threadsafe_function(env, function_);
  *call = "pthread_create";
  failed = StartQuietThread(&thread_, "pollout-loop", &ThreadLoop::Run, this);
  runs_ = failed == 0;
  if (runs_) napi_add_env_cleanup_hook(env, &ThreadLoop::OnEnvironmentExit, this);
  return failed;
}

ThreadLoop::~ThreadLoop() {
  if (runs_ && !exits_) napi_remove_env_cleanup_hook(env_, &ThreadLoop::OnEnvironmentExit, this);
  if (runs_) {
    const std::uint64_t one = 1;
    // Cannot fail: its counter is 0.
    static_cast<void>(::write(stop_.get(), &one, sizeof(one)) == sizeof(one));
    ::pthread_join(thread_, nullptr);
  }
  gate_->loop = nullptr;
  if (function_ != nullptr) napi_release_threadsafe_function(function_, napi_tsfn_release);
}

Loop::Opened ThreadLoop::Watch(int fd, LoopHandle::Owner& owner) noexcept {
  auto* handle = new ThreadHandle(*this, owner, ++last_number_, fd);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    watched_.emplace(handle->number, handle);
  }
  const int failed = set_.Add(fd, kReport, handle->number);
  if (failed == 0) return {handle, 0, "epoll_ctl"};
  Deregister(*handle);
  handle->Discard();
  return {nullptr, failed, "epoll_ctl"};
}

Loop::Opened ThreadLoop::Signal(LoopHandle::Owner& owner) noexcept {
  return {BeforeSleep(owner), 0, ""};
}

LoopHandle* ThreadLoop::BeforeSleep(LoopHandle::Owner& owner) noexcept {
  return new ThreadHandle(*this, owner, ++last_number_, -1);
}

void ThreadLoop::Call(ThreadHandle& handle) noexcept {
  const std::lock_guard<std::mutex> lock(calling_);
  due_.push_back(&handle);
  // Fails only where the environment exits, as the queue has no limit.
  if (!exits_) napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

void ThreadLoop::OnCall(napi_env env, napi_value /*function*/, void* context, void* /*data*/) {
  // The environment has exited: the context is gone already.
  if (env == nullptr) return;
  const Gate& gate = **static_cast<std::shared_ptr<Gate>*>(context);
  if (gate.loop != nullptr) gate.loop->Answer();
}

void ThreadLoop::OnFunctionGone(napi_env /*env*/, void* data, void* /*context*/) {
  delete static_cast<std::shared_ptr<Gate>*>(data);
}

// A hook that is called at once, and may not wait: Deno aborts where an asynchronous one is removed
// from within, and here nothing is left to wait for.
void ThreadLoop::OnEnvironmentExit(void* data) {
  auto* loop = static_cast<ThreadLoop*>(data);
  const std::shared_ptr<Gate> gate = loop->gate_;
  {
    const std::lock_guard<std::mutex> lock(loop->calling_);
    loop->exits_ = true;
  }
  loop->owner_.OnEnvironmentExit();
  // All are closed: the last of them ends the loop.
  while (gate->loop != nullptr && loop->Answer()) {
  }
}

bool ThreadLoop::Answer() {
  ThreadHandle* handle = nullptr;
  {
    const std::lock_guard<std::mutex> lock(calling_);
    if (due_.empty()) return false;
    handle = due_.front();
    due_.pop_front();
  }
  handle->Arrive();
  return true;
}

void ThreadLoop::KeepAlive(bool keep) noexcept {
  keepers_ += keep ? 1 : -1;
  Settle();
}

void ThreadLoop::Settle() noexcept {
  const bool keep = keepers_ > 0;
  if (keep == kept_alive_ || exits_) return;
  const napi_status status = keep ? napi_ref_threadsafe_function(env_, function_)
                                  : napi_unref_threadsafe_function(env_, function_);
  if (status == napi_ok) kept_alive_ = keep;
}

void ThreadLoop::RegisterLater(ThreadHandle& handle) {
  reported_.push_back(&handle);
  if (will_register_) return;
  const Napi::Env env(env_);
  const Napi::HandleScope scope(env);
  napi_value argument = register_reported_.Value();
  // Before the call, which may be answered within it.
  will_register_ = true;
  if (napi_call_function(env, env.Undefined(), later_.Value(), 1, &argument, nullptr) == napi_ok) {
    return;
  }
  // The environment exits, or somebody has made setImmediate() throw.
  napi_value thrown = nullptr;
  napi_get_and_clear_last_exception(env, &thrown);
  RegisterReported();
}

void ThreadLoop::RegisterReported() {
  will_register_ = false;
  // Cannot fail: each is in the set until it is closed.
  for (const ThreadHandle* handle : std::exchange(reported_, {})) {
    set_.Modify(handle->fd, kReport, handle->number);
  }
}

void ThreadLoop::Deregister(ThreadHandle& handle) noexcept {
  if (handle.fd < 0) return;
  reported_.erase(std::remove(reported_.begin(), reported_.end(), &handle), reported_.end());
  set_.Remove(handle.fd);
  const std::lock_guard<std::mutex> lock(mutex_);
  watched_.erase(handle.number);
}

void* ThreadLoop::Run(void* data) {
  static_cast<ThreadLoop*>(data)->Wait();
  return nullptr;
}

void ThreadLoop::Wait() noexcept {
  std::array<epoll_event, 8> events{};
  for (;;) {
    const int found = set_.Wait(events.data(), static_cast<int>(events.size()), -1);
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int index = 0; index < found; ++index) {
      const std::uint64_t number = events[index].data.u64;
      if (number == kStop) return;
      const auto watched = watched_.find(number);
      if (watched != watched_.end()) watched->second->Send();
    }
  }
}

}  // namespace

std::unique_ptr<Loop> MakeThreadLoop(Napi::Function later, Loop::Owner& owner, int* failed,
                                     const char** call) {
  auto loop = std::make_unique<ThreadLoop>(owner);
  *failed = loop->Open(later, call);
  if (*failed != 0) return nullptr;
  return loop;
}

}  // namespace pollout
