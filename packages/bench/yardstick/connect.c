/*
 * The yardstick: connects and resets, as a careful C programmer would write it on epoll.
 *
 *   connect fresh|reused <port> <in-flight> <warm-up> <duration-ms> <most> <address>...
 *
 * Makes `warm-up` connects, reckons from their rate how many fill the duration (`most` at most),
 * makes those, and prints what came of them as JSON. Six system calls a connect, and one
 * epoll_wait(2) for as many as are ready. Closing takes a socket out of the set, as there is no
 * duplicate of it: epoll(7), Q6. One thread.
 *
 * `reused` has a socket whose connect has ended make the next one to the same target: connect(2)
 * with AF_UNSPEC instead of close() and socket(). Why to the same target only, and what has to be
 * cleared, stands in packages/backend-native/native/reuse.cc. Unlike the native backend, it
 * keeps them until the end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

enum { BATCH = 1024, FEWEST = 500 };

static int epoll, reuse;
static struct sockaddr_in *targets;
static size_t target_count;
static uint64_t begun, connected, refused, other;
static int first_error;

/* For each target, the sockets that may connect to it again. */
static struct spares {
  int *fds;
  size_t count;
} *spares;

static void count_end(int error) {
  if (error == 0) connected++;
  else if (error == ECONNREFUSED) refused++;
  else {
    other++;
    if (first_error == 0) first_error = error;
  }
}

/* True where it is under way; where it ended at once, it is counted and its socket closed. */
static int begin_one(void) {
  size_t target = begun++ % target_count;
  const struct sockaddr_in *to = &targets[target];
  int again = spares[target].count > 0;
  int fd = again ? spares[target].fds[--spares[target].count]
                 : socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS) {
    count_end(errno);
    close(fd);
    return 0;
  }
  /* One shot where it stays in the set, or it would go on to report what it was before. */
  struct epoll_event event = {.events = EPOLLOUT | (reuse ? EPOLLONESHOT : 0),
                              .data.u64 = (uint64_t)target << 32 | (uint32_t)fd};
  if (epoll_ctl(epoll, again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  return 1;
}

static int take_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) die("getsockopt");
  return error;
}

/* RST where it is connected; leaves nothing behind that the next connect could be told. */
static void keep(int fd, int failed, struct spares *place) {
  struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  if (connect(fd, &nobody, sizeof nobody) != 0) die("connect to nobody");
  struct msghdr message = {0};
  if (failed) while (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {}
  while (take_error(fd) != 0) {}
  place->fds[place->count++] = fd;
}

static void end_one(struct epoll_event *event) {
  int fd = (int)(uint32_t)event->data.u64;
  int error = take_error(fd);
  count_end(error);
  if (reuse) {
    keep(fd, error != 0, &spares[event->data.u64 >> 32]);
    return;
  }
  if (error == 0) {
    /* RST instead of FIN, so that no TIME_WAIT is left: socket(7), SO_LINGER. */
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  close(fd);
}

static void run(uint64_t count, size_t most_in_flight) {
  static struct epoll_event events[BATCH];
  size_t in_flight = 0;
  begun = connected = refused = other = 0;
  while (connected + refused + other < count) {
    while (in_flight < most_in_flight && begun < count) in_flight += (size_t)begin_one();
    if (in_flight == 0) continue;
    int ready = epoll_wait(epoll, events, BATCH, -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) {
      end_one(&events[i]);
      in_flight--;
      /* At once, as the contestants do: before the rest of the batch is looked at. */
      if (begun < count) in_flight += (size_t)begin_one();
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 8) {
    fputs("usage: connect fresh|reused <port> <in-flight> <warm-up> <duration-ms> <most>"
          " <address>...\n",
          stderr);
    return 2;
  }
  reuse = strcmp(*++argv, "reused") == 0;
  argc--;
  size_t in_flight = strtoul(argv[2], NULL, 10);
  uint64_t warm_up = strtoull(argv[3], NULL, 10), most = strtoull(argv[5], NULL, 10);
  target_count = (size_t)argc - 6;
  targets = calloc(target_count, sizeof *targets);
  spares = calloc(target_count, sizeof *spares);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0 || !targets || !spares) die("epoll_create1");
  for (size_t i = 0; i < target_count; i++) {
    targets[i].sin_family = AF_INET;
    targets[i].sin_port = htons((uint16_t)atoi(argv[1]));
    if (inet_pton(AF_INET, argv[6 + i], &targets[i].sin_addr) != 1) die(argv[6 + i]);
    spares[i].fds = calloc(in_flight, sizeof(int));
    if (!spares[i].fds) die("calloc");
  }

  double started = milliseconds(CLOCK_MONOTONIC);
  run(warm_up, in_flight);
  double rate = (double)warm_up / (milliseconds(CLOCK_MONOTONIC) - started);
  uint64_t count = (uint64_t)(rate * strtod(argv[4], NULL));
  if (count < FEWEST) count = FEWEST;
  if (count > most) count = most;

  double cpu = milliseconds(CLOCK_THREAD_CPUTIME_ID);
  started = milliseconds(CLOCK_MONOTONIC);
  run(count, in_flight);
  double elapsed = milliseconds(CLOCK_MONOTONIC) - started;
  cpu = milliseconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
  printf("{\"connected\":%llu,\"refused\":%llu,\"other\":%llu,\"firstError\":%d,"
         "\"elapsedMs\":%.3f,\"cpuMs\":%.3f,\"processCpuMs\":%.3f}\n",
         (unsigned long long)connected, (unsigned long long)refused, (unsigned long long)other,
         first_error, elapsed, cpu, cpu);
  return 0;
}
