/*
 * How long the kernel takes to give back sockets that are connecting: nothing but close(2).
 *
 *   cancel <port> <count> <address>...
 *
 * Begins `count` connects to who does not answer, waits a little, closes all, and prints as JSON
 * how long that took. They are in an epoll set, as they would be in any program. One thread.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

/* PAUSE_MS: as in src/measure-cancel.ts. */
enum { PAUSE_MS = 100 };

int main(int argc, char **argv) {
  if (argc < 4) {
    fputs("usage: cancel <port> <count> <address>...\n", stderr);
    return 2;
  }
  size_t count = strtoul(argv[2], NULL, 10), target_count = (size_t)argc - 3;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int *fds = calloc(count, sizeof *fds);
  if (epoll < 0 || !fds) die("epoll_create1");
  for (size_t i = 0; i < count; i++) {
    const char *address = argv[3 + i % target_count];
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1) die(address);
    fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fds[i] < 0) die("socket");
    if (connect(fds[i], (struct sockaddr *)&to, sizeof to) == 0 || errno != EINPROGRESS)
      die("connect");
    struct epoll_event event = {.events = EPOLLOUT, .data.fd = fds[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) != 0) die("epoll_ctl");
  }
  struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
  nanosleep(&pause, NULL);
  struct epoll_event ended;
  if (epoll_wait(epoll, &ended, 1, 0) != 0) {
    fputs("a connect has ended that nobody should have answered\n", stderr);
    return 1;
  }

  double started = milliseconds(CLOCK_MONOTONIC);
  for (size_t i = 0; i < count; i++) close(fds[i]);
  double elapsed = milliseconds(CLOCK_MONOTONIC) - started;
  printf("{\"connected\":0,\"refused\":0,\"other\":0,\"firstError\":0,\"inFlight\":%zu,"
         "\"callMs\":%.3f,\"freeMs\":%.3f}\n",
         count, elapsed, elapsed);
  return 0;
}
