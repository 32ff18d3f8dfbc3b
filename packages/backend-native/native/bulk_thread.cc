// BulkThread: a thread that drives one engine, until that is stopped.
#include "bulk_thread.h"

#include "quiet_thread.h"

namespace pollout {

int BulkThread::Start() noexcept {
  return StartQuietThread(&thread_, "pollout", &BulkThread::Run, this);
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
