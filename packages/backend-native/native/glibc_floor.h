// Keeps the addon to symbols that glibc 2.17 has, whatever glibc it is linked against.
//
// glibc 2.32 and 2.34 moved a few functions of libpthread into libc, under new version names, and
// keep the old ones beside them: these are asked for here. To be included where they are called.
// Other C libraries have no versions. scripts/check-addons.mjs reads what the result asks for.
#pragma once

#include <features.h>

#if defined(__GLIBC__) && defined(__x86_64__)
#define POLLOUT_FIRST_GLIBC "GLIBC_2.2.5"
#define POLLOUT_SETNAME_GLIBC "GLIBC_2.12"
#elif defined(__GLIBC__) && defined(__aarch64__)
#define POLLOUT_FIRST_GLIBC "GLIBC_2.17"
#define POLLOUT_SETNAME_GLIBC "GLIBC_2.17"
#endif

#ifdef POLLOUT_FIRST_GLIBC
__asm__(".symver pthread_create, pthread_create@" POLLOUT_FIRST_GLIBC);
__asm__(".symver pthread_join, pthread_join@" POLLOUT_FIRST_GLIBC);
__asm__(".symver pthread_sigmask, pthread_sigmask@" POLLOUT_FIRST_GLIBC);
__asm__(".symver pthread_setname_np, pthread_setname_np@" POLLOUT_SETNAME_GLIBC);
#endif
