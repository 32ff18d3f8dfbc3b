// Loop on Node's own, which is libuv's.
//
// The functions are weak: where they are not there, the addon loads all the same, and uses the
// other loop.
#include <uv.h>

#include "uv_loop.h"

#pragma weak uv_async_init
#pragma weak uv_async_send
#pragma weak uv_close
#pragma weak uv_poll_init
#pragma weak uv_poll_start
#pragma weak uv_prepare_init
#pragma weak uv_prepare_start
#pragma weak uv_prepare_stop
#pragma weak uv_ref
#pragma weak uv_unref

namespace pollout {

namespace {

template <typename Uv>
class UvHandle : public LoopHandle {
 public:
  explicit UvHandle(Owner& owner) noexcept : owner_(owner) { uv_.data = this; }

  void KeepAlive(bool keep) noexcept final {
    if (keep) {
      uv_ref(handle());
    } else {
      uv_unref(handle());
    }
  }
  void Send() noexcept override {}
  void Close() noexcept final {
    uv_close(handle(), [](uv_handle_t* closed) {
      auto* self = static_cast<UvHandle*>(closed->data);
      Owner& owner = self->owner_;
      delete self;
      owner.OnHandleClosed();
    });
  }
  // Of one that libuv has refused.
  void Discard() noexcept { delete this; }

 protected:
  ~UvHandle() override = default;

  static void Call(void* data, int error) {
    auto* self = static_cast<UvHandle*>(data);
    self->owner_.OnHandle(*self, error);
  }

  Uv uv_{};

 private:
  Owner& owner_;

  uv_handle_t* handle() noexcept { return reinterpret_cast<uv_handle_t*>(&uv_); }
};

class UvWatch final : public UvHandle<uv_poll_t> {
 public:
  using UvHandle::UvHandle;
  int Init(uv_loop_t* loop, int fd) noexcept {
    const int failed = uv_poll_init(loop, &uv_, fd);
    if (failed != 0) return failed;
    // Cannot fail: the handle is neither closing nor is the descriptor watched by another.
    uv_poll_start(&uv_, UV_READABLE, [](uv_poll_t* handle, int status, int /*events*/) {
      Call(handle->data, status);
    });
    return 0;
  }
};

class UvSignal final : public UvHandle<uv_async_t> {
 public:
  using UvHandle::UvHandle;
  int Init(uv_loop_t* loop) noexcept {
    return uv_async_init(loop, &uv_, [](uv_async_t* handle) { Call(handle->data, 0); });
  }
  void Send() noexcept override { uv_async_send(&uv_); }
};

class UvBeforeSleep final : public UvHandle<uv_prepare_t> {
 public:
  UvBeforeSleep(Owner& owner, uv_loop_t* loop) noexcept : UvHandle(owner) {
    // Cannot fail, nor can starting and stopping it.
    uv_prepare_init(loop, &uv_);
  }
  void Send() noexcept override {
    // Does nothing where it runs already.
    uv_prepare_start(&uv_, [](uv_prepare_t* handle) {
      uv_prepare_stop(handle);
      Call(handle->data, 0);
    });
  }
};

class UvLoop final : public Loop {
 public:
  UvLoop(napi_env env, uv_loop_t* loop, Owner& owner) noexcept : loop_(loop) {
    napi_add_async_cleanup_hook(
        env,
        [](napi_async_cleanup_hook_handle /*hook*/, void* data) {
          static_cast<Owner*>(data)->OnEnvironmentExit();
        },
        &owner, &hook_);
  }
  UvLoop(const UvLoop&) = delete;
  UvLoop& operator=(const UvLoop&) = delete;
  // Also tells an exiting environment that it need wait no longer.
  ~UvLoop() override { napi_remove_async_cleanup_hook(hook_); }

  bool calls_in_scope() const noexcept override { return false; }
  bool ends_at_exit() const noexcept override { return false; }
  Opened Watch(int fd, LoopHandle::Owner& owner) noexcept override {
    auto* handle = new UvWatch(owner);
    return Ready(handle, handle->Init(loop_, fd), "uv_poll_init");
  }
  Opened Signal(LoopHandle::Owner& owner) noexcept override {
    auto* handle = new UvSignal(owner);
    return Ready(handle, handle->Init(loop_), "uv_async_init");
  }
  LoopHandle* BeforeSleep(LoopHandle::Owner& owner) noexcept override {
    auto* handle = new UvBeforeSleep(owner, loop_);
    handle->KeepAlive(false);
    return handle;
  }

 private:
  template <typename Handle>
  static Opened Ready(Handle* handle, int failed, const char* call) noexcept {
    if (failed != 0) {
      handle->Discard();
      return {nullptr, failed, call};
    }
    handle->KeepAlive(false);
    return {handle, 0, call};
  }

  uv_loop_t* loop_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

}  // namespace

std::unique_ptr<Loop> MakeUvLoop(napi_env env, Loop::Owner& owner) {
  uv_loop_t* loop = nullptr;
  if (uv_poll_init == nullptr || napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  return std::make_unique<UvLoop>(env, loop, owner);
}

}  // namespace pollout
