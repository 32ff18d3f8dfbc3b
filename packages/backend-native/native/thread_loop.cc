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
// Whose memory it is: a handle is deleted where the call that tells of its closing arrives, behind
// all that were made for it before. The thread knows a handle by a number, and looks it up under
// the lock under which Close() takes it away: it makes no call for a closed one.
#include "thread_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "glibc_floor.h"
#include "loop.h"
#include "unique_fd.h"

namespace pollout {

namespace {

class ThreadHandle;

class ThreadLoop final : public Loop {
 public:
  ThreadLoop() = default;
  ThreadLoop(const ThreadLoop&) = delete;
  ThreadLoop& operator=(const ThreadLoop&) = delete;
  ~ThreadLoop() override;

  // 0, or a negated errno; `*call` then names what failed.
  int Open(Napi::Function later, const char** call);

  bool ends_at_exit() const noexcept override { return true; }
  Opened Watch(int fd, LoopHandle::Owner& owner) noexcept override;
  Opened Signal(LoopHandle::Owner& owner) noexcept override;
  // Comes a turn late: that is as good.
  LoopHandle* BeforeSleep(LoopHandle::Owner& owner) noexcept override;

  // Has the runtime call the handle's Arrive().
  void Call(ThreadHandle& handle, bool closed) noexcept;
  void KeepAlive(bool keep) noexcept;
  // 0, or a negated errno.
  int Register(int operation, ThreadHandle& handle) noexcept;
  void Deregister(ThreadHandle& handle) noexcept;
  // Registers it again in a later turn.
  void RegisterLater(ThreadHandle& handle);

 private:
  // The number of what ends the thread.
  static constexpr std::uint64_t kStop = 0;

  static void* Run(void* data);
  static void OnCall(napi_env env, napi_value function, void* context, void* data);
  void Wait() noexcept;

  // What functions get that may outlive the loop: null once it is gone. An environment that exits
  // may take the thread-safe one away before.
  struct Gate {
    ThreadLoop* loop;
  };
  static void OnFunctionGone(napi_env env, void* data, void* context);
  void RegisterReported();

  napi_env env_ = nullptr;
  // Any thread calls it, and the environment may take it away: under `calling_`.
  napi_threadsafe_function function_ = nullptr;
  std::mutex calling_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>(Gate{this});
  Napi::FunctionReference later_;
  Napi::FunctionReference register_reported_;
  // Reported, and not registered again yet.
  std::vector<ThreadHandle*> reported_;
  UniqueFd epoll_;
  UniqueFd stop_;
  pthread_t thread_{};
  bool runs_ = false;
  int keepers_ = 0;
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
    if (!sent_.exchange(true)) loop_.Call(*this, false);
  }
  void Close() noexcept override {
    closed_ = true;
    loop_.Deregister(*this);
    // Until the call has arrived.
    KeepAlive(true);
    loop_.Call(*this, true);
  }

  // Of one that could not be watched.
  void Discard() noexcept { delete this; }

  void Arrive() {
    sent_ = false;
    if (closed_) return;
    owner_.OnHandle(*this, 0);
    if (fd >= 0 && !closed_) loop_.RegisterLater(*this);
  }
  bool closed() const noexcept { return closed_; }
  void Failed(int error) { owner_.OnHandle(*this, error); }
  void ArriveClosed() {
    KeepAlive(false);
    Owner& owner = owner_;
    delete this;
    owner.OnHandleClosed();
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

// What a call gets: the handle's address, which is even; one more where it tells of its closing.
void* CallData(ThreadHandle& handle, bool closed) noexcept {
  return reinterpret_cast<char*>(&handle) + (closed ? 1 : 0);
}
bool IsClosed(void* data) noexcept { return (reinterpret_cast<std::uintptr_t>(data) & 1) != 0; }
ThreadHandle& HandleOf(void* data) noexcept {
  return *reinterpret_cast<ThreadHandle*>(static_cast<char*>(data) - (IsClosed(data) ? 1 : 0));
}

int ThreadLoop::Open(Napi::Function later, const char** call) {
  const Napi::Env env = later.Env();
  env_ = env;
  *call = "epoll_create1";
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return -errno;
  *call = "eventfd";
  stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_) return -errno;
  *call = "epoll_ctl";
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kStop;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stop_.get(), &event) != 0) return -errno;
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
                                      &ThreadLoop::OnFunctionGone, nullptr, &ThreadLoop::OnCall,
                                      &function_) != napi_ok) {
    return -ENOMEM;
  }
  static_cast<void>(gate.release());
  napi_unref_threadsafe_function(env, function_);
  // As BulkThread: no signal of the process is to be handled there.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  *call = "pthread_create";
  const int error = ::pthread_create(&thread_, nullptr, &ThreadLoop::Run, this);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  runs_ = error == 0;
  if (runs_) ::pthread_setname_np(thread_, "pollout-loop");
  return -error;
}

ThreadLoop::~ThreadLoop() {
  if (runs_) {
    const std::uint64_t one = 1;
    // Cannot fail: its counter is 0.
    static_cast<void>(::write(stop_.get(), &one, sizeof(one)) == sizeof(one));
    ::pthread_join(thread_, nullptr);
  }
  gate_->loop = nullptr;
  if (function_ != nullptr) napi_release_threadsafe_function(function_, napi_tsfn_release);
}

void ThreadLoop::OnFunctionGone(napi_env /*env*/, void* data, void* /*context*/) {
  const std::unique_ptr<std::shared_ptr<Gate>> gate(static_cast<std::shared_ptr<Gate>*>(data));
  ThreadLoop* loop = (*gate)->loop;
  if (loop == nullptr) return;
  const std::lock_guard<std::mutex> lock(loop->calling_);
  loop->function_ = nullptr;
}

Loop::Opened ThreadLoop::Watch(int fd, LoopHandle::Owner& owner) noexcept {
  auto* handle = new ThreadHandle(*this, owner, ++last_number_, fd);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    watched_.emplace(handle->number, handle);
  }
  const int failed = Register(EPOLL_CTL_ADD, *handle);
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

void ThreadLoop::Call(ThreadHandle& handle, bool closed) noexcept {
  {
    const std::lock_guard<std::mutex> lock(calling_);
    if (function_ != nullptr && napi_call_threadsafe_function(function_, CallData(handle, closed),
                                                              napi_tsfn_nonblocking) == napi_ok) {
      return;
    }
  }
  // The environment exits, and calls nobody any more.
  if (closed) handle.ArriveClosed();
}

void ThreadLoop::KeepAlive(bool keep) noexcept {
  keepers_ += keep ? 1 : -1;
  if (function_ == nullptr) return;
  if (keep && keepers_ == 1) napi_ref_threadsafe_function(env_, function_);
  if (!keep && keepers_ == 0) napi_unref_threadsafe_function(env_, function_);
}

int ThreadLoop::Register(int operation, ThreadHandle& handle) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.u64 = handle.number;
  return ::epoll_ctl(epoll_.get(), operation, handle.fd, &event) == 0 ? 0 : -errno;
}

void ThreadLoop::RegisterLater(ThreadHandle& handle) {
  reported_.push_back(&handle);
  if (reported_.size() > 1) return;
  const Napi::HandleScope scope(env_);
  // Fails where the environment exits: no report is wanted any more.
  napi_value argument = register_reported_.Value();
  napi_call_function(env_, Napi::Env(env_).Undefined(), later_.Value(), 1, &argument, nullptr);
}

void ThreadLoop::RegisterReported() {
  for (ThreadHandle* handle : std::exchange(reported_, {})) {
    if (handle->closed()) continue;
    const int failed = Register(EPOLL_CTL_MOD, *handle);
    if (failed != 0) handle->Failed(failed);
  }
}

void ThreadLoop::Deregister(ThreadHandle& handle) noexcept {
  if (handle.fd < 0) return;
  reported_.erase(std::remove(reported_.begin(), reported_.end(), &handle), reported_.end());
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, handle.fd, nullptr);
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
    const int found =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int index = 0; index < found; ++index) {
      const std::uint64_t number = events[index].data.u64;
      if (number == kStop) return;
      const auto watched = watched_.find(number);
      if (watched != watched_.end()) watched->second->Send();
    }
  }
}

void ThreadLoop::OnCall(napi_env env, napi_value /*function*/, void* /*context*/, void* data) {
  if (IsClosed(data)) {
    HandleOf(data).ArriveClosed();
  } else if (env != nullptr) {
    // Without one, the environment exits: no JavaScript runs any more.
    HandleOf(data).Arrive();
  }
}

}  // namespace

std::unique_ptr<Loop> MakeThreadLoop(Napi::Function later, int* failed, const char** call) {
  auto loop = std::make_unique<ThreadLoop>();
  *failed = loop->Open(later, call);
  if (*failed != 0) return nullptr;
  return loop;
}

}  // namespace pollout
