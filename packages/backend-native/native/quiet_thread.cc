// A thread that handles no signal of the process.
#include "quiet_thread.h"

#include <csignal>

#include "glibc_floor.h"

namespace pollout {

int StartQuietThread(pthread_t* thread, const char* name, void* (*run)(void*),
                     void* data) noexcept {
  // A thread begins with its creator's mask.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = ::pthread_create(thread, nullptr, run, data);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // Named here and not by itself: a busy machine may take long to run it at all, and until then who
  // counts a process's threads, as by ps(1), would miss it.
  if (error == 0) ::pthread_setname_np(*thread, name);
  return -error;
}

}  // namespace pollout
