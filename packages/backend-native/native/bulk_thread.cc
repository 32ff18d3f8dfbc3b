// BulkThread: a thread that drives one engine, until that is stopped.
//
// pthread_create(3) and not std::thread, whose constructor can only throw, and nothing here can.
#include "bulk_thread.h"

#include <csignal>

#include "glibc_floor.h"

namespace pollout {

int BulkThread::Start() noexcept {
  // A thread begins with its creator's mask: no signal of the process is to be handled here.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = ::pthread_create(&thread_, nullptr, &BulkThread::Run, this);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // Named here and not by itself: a busy machine may take long to run it at all, and until then who
  // counts a process's pollers, as by ps(1), would miss it.
  if (error == 0) ::pthread_setname_np(thread_, "pollout");
  return -error;
}

void BulkThread::Join() const noexcept { ::pthread_join(thread_, nullptr); }

void* BulkThread::Run(void* data) {
  auto* self = static_cast<BulkThread*>(data);
  while (self->engine_.Round(true)) {
  }
  self->ended_.store(true);
  self->owner_.OnThreadEnded();
  return nullptr;
}

}  // namespace pollout
