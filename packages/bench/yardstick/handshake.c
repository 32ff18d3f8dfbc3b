/*
 * How long handshakes take, as a careful C programmer would measure it: all begun in one burst.
 *
 *   handshake <port> <count> <warm-up> <address>...
 *
 * Stamps the clock before each connect(2), and once whenever epoll_wait(2) returns with what has
 * ended by then. While the burst goes out it looks after every few connects, so that none waits
 * long to be seen: what is measured is off by no more than the time of those few. Beside that
 * stands what the kernel measured between SYN and SYN-ACK: tcpi_rtt of TCP_INFO, tcp(7), read
 * when all have ended; no data is sent, so no other round trip goes into it. Prints both as JSON,
 * in milliseconds. One thread.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

/* LOOK_EVERY: about 0.2 ms of connects. PAUSE_MS: the warm-up's resets have left the path. */
enum { BATCH = 1024, LOOK_EVERY = 8, LONGEST_WAIT_MS = 20000, PAUSE_MS = 250 };

static int epoll;
static struct sockaddr_in *targets;
static size_t target_count;
static int *fds;
static double *begun_at, *by_hand, *by_kernel;
static size_t connected, refused, other;
static int first_error;

static void count_end(int error) {
  if (error == ECONNREFUSED) refused++;
  else {
    other++;
    if (first_error == 0) first_error = error;
  }
}

static void begin_one(size_t index) {
  const struct sockaddr_in *to = &targets[index % target_count];
  fds[index] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fds[index] < 0) die("socket");
  begun_at[index] = milliseconds(CLOCK_MONOTONIC);
  if (connect(fds[index], (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS) {
    count_end(errno);
    return;
  }
  /* One shot: it stays open until all have ended, and is not to be told of again. */
  struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.u64 = index};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[index], &event) != 0) die("epoll_ctl");
}

/* True where there was something. */
static int look(int timeout_ms) {
  static struct epoll_event events[BATCH];
  int ready = epoll_wait(epoll, events, BATCH, timeout_ms);
  double now = milliseconds(CLOCK_MONOTONIC);
  if (ready < 0 && errno != EINTR) die("epoll_wait");
  for (int i = 0; i < ready; i++) {
    size_t index = events[i].data.u64;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fds[index], SOL_SOCKET, SO_ERROR, &error, &size) != 0) die("getsockopt");
    if (error == 0) by_hand[connected++] = now - begun_at[index];
    else count_end(error);
  }
  return ready > 0;
}

/* What the kernel measured, and RST instead of FIN, so that no TIME_WAIT is left: socket(7). */
static size_t end_all(size_t count) {
  size_t told = 0;
  for (size_t i = 0; i < count; i++) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fds[i], IPPROTO_TCP, TCP_INFO, &info, &size) != 0) die("TCP_INFO");
    if (info.tcpi_state == TCP_ESTABLISHED) by_kernel[told++] = info.tcpi_rtt / 1e3;
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fds[i]);
  }
  return told;
}

static double run(size_t count, size_t *told) {
  connected = refused = other = 0;
  double started = milliseconds(CLOCK_MONOTONIC);
  for (size_t i = 0; i < count; i++) {
    begin_one(i);
    if (i % LOOK_EVERY == 0) look(0);
  }
  while (connected + refused + other < count && look(LONGEST_WAIT_MS)) {}
  double elapsed = milliseconds(CLOCK_MONOTONIC) - started;
  if (connected + refused + other < count) {
    fputs("some connects have not ended\n", stderr);
    exit(1);
  }
  *told = end_all(count);
  return elapsed;
}

static int compare(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

/* By nearest rank, as src/statistics.ts. */
static void print_percentiles(const char *name, double *values, size_t count) {
  qsort(values, count, sizeof *values, compare);
  double p50 = 0, p99 = 0, max = 0;
  if (count > 0) {
    p50 = values[(count * 50 + 99) / 100 - 1];
    p99 = values[(count * 99 + 99) / 100 - 1];
    max = values[count - 1];
  }
  printf("\"%s\":{\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f}", name, p50, p99, max);
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fputs("usage: handshake <port> <count> <warm-up> <address>...\n", stderr);
    return 2;
  }
  size_t count = strtoul(argv[2], NULL, 10), warm_up = strtoul(argv[3], NULL, 10);
  size_t most = count > warm_up ? count : warm_up;
  target_count = (size_t)argc - 4;
  targets = calloc(target_count, sizeof *targets);
  fds = calloc(most, sizeof *fds);
  begun_at = calloc(most, sizeof *begun_at);
  by_hand = calloc(most, sizeof *by_hand);
  by_kernel = calloc(most, sizeof *by_kernel);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0 || !targets || !fds || !begun_at || !by_hand || !by_kernel) die("epoll_create1");
  for (size_t i = 0; i < target_count; i++) {
    targets[i].sin_family = AF_INET;
    targets[i].sin_port = htons((uint16_t)atoi(argv[1]));
    if (inet_pton(AF_INET, argv[4 + i], &targets[i].sin_addr) != 1) die(argv[4 + i]);
  }

  size_t told;
  run(warm_up, &told);
  struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
  nanosleep(&pause, NULL);
  double elapsed = run(count, &told);
  printf("{\"connected\":%zu,\"refused\":%zu,\"other\":%zu,\"firstError\":%d,\"elapsedMs\":%.3f,",
         connected, refused, other, first_error, elapsed);
  print_percentiles("byHandMs", by_hand, connected);
  printf(",");
  print_percentiles("kernelMs", by_kernel, told);
  printf("}\n");
  return 0;
}
