// A thread that handles no signal of the process.
#pragma once

#include <pthread.h>

namespace pollout {

// Runs `run(data)` on a new thread, to be joined. 0, or a negated errno. `name`: as ps(1) shows it,
// 15 characters at most.
//
// pthread_create(3) and not std::thread, whose constructor can only throw, and nothing here can.
int StartQuietThread(pthread_t* thread, const char* name, void* (*run)(void*), void* data) noexcept;

}  // namespace pollout
