/* What all the programs here have in common. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

static inline double milliseconds(clockid_t clock) {
  struct timespec at;
  clock_gettime(clock, &at);
  return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}
