/*
 * The yardstick of the transfers: as a careful C programmer would write it on epoll.
 *
 *   transfer pingpong|in|out <port> <connections> <size> <warm-up-ms> <duration-ms> <address>
 *
 * Connects, then has every connection do the same, for the warm-up and the duration. `pingpong`:
 * send a message of `size` bytes, wait for all of its echo, send the next. `in` receives all that
 * comes, `out` sends all that goes, `size` bytes at a time. Prints what was done within the
 * duration as JSON: messages, or megabytes. One thread; level-triggered, so that a connection
 * costs nothing but its own calls.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

/* IN_A_ROW: chunks sent before others have their turn, as in src/traffic.ts. */
enum { BATCH = 1024, IN_A_ROW = 16 };

static int epoll;
static char *data;
static size_t size;
static uint64_t done_bytes;

static struct connection {
  int fd;
  /* Of the echo that is under way. */
  size_t received;
} *connections;

static size_t receive(int fd) {
  ssize_t count = recv(fd, data, size, 0);
  if (count == 0) errno = ECONNRESET;
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) die("recv");
  if (count > 0) done_bytes += (uint64_t)count;
  return count > 0 ? (size_t)count : 0;
}

/* What was taken; 0 where nothing is. */
static size_t give(int fd) {
  ssize_t count = send(fd, data, size, MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) die("send");
  return count > 0 ? (size_t)count : 0;
}

static void send_message(struct connection *to) {
  if (give(to->fd) == size) return;
  fputs("a message does not fit into the socket's buffer\n", stderr);
  exit(1);
}

static void pingpong(struct connection *with) {
  with->received += receive(with->fd);
  if (with->received < size) return;
  with->received -= size;
  send_message(with);
}

static void in(struct connection *from) { receive(from->fd); }

static void out(struct connection *to) {
  for (int i = 0; i < IN_A_ROW; i++) {
    size_t count = give(to->fd);
    done_bytes += count;
    if (count < size) return;
  }
}

static void open_all(size_t count, const struct sockaddr_in *to, uint32_t events) {
  connections = calloc(count, sizeof *connections);
  if (!connections) die("calloc");
  for (size_t i = 0; i < count; i++) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) != 0) die("connect");
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) die("fcntl");
    connections[i].fd = fd;
    struct epoll_event event = {.events = events, .data.ptr = &connections[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }
}

/* For so long, and until there is something to tell: others may leave a short run no time. */
static void run(double duration_ms, void (*turn)(struct connection *)) {
  static struct epoll_event events[BATCH];
  double end = milliseconds(CLOCK_MONOTONIC) + duration_ms;
  done_bytes = 0;
  while (milliseconds(CLOCK_MONOTONIC) < end || done_bytes == 0) {
    int ready = epoll_wait(epoll, events, BATCH, 100);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) turn(events[i].data.ptr);
  }
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fputs("usage: transfer pingpong|in|out <port> <connections> <size> <warm-up-ms>"
          " <duration-ms> <address>\n",
          stderr);
    return 2;
  }
  int is_pingpong = strcmp(argv[1], "pingpong") == 0, is_out = strcmp(argv[1], "out") == 0;
  size_t count = strtoul(argv[3], NULL, 10);
  size = strtoul(argv[4], NULL, 10);
  data = malloc(size);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[7], &to.sin_addr) != 1) die(argv[7]);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0 || !data) die("epoll_create1");
  /* Memory that was never written to is one page of zeros to the kernel, and quicker to read. */
  memset(data, 1, size);

  open_all(count, &to, is_out ? EPOLLOUT : EPOLLIN);
  for (size_t i = 0; is_pingpong && i < count; i++) send_message(&connections[i]);
  void (*turn)(struct connection *) = is_pingpong ? pingpong : is_out ? out : in;
  run(strtod(argv[5], NULL), turn);
  double cpu = milliseconds(CLOCK_THREAD_CPUTIME_ID), started = milliseconds(CLOCK_MONOTONIC);
  run(strtod(argv[6], NULL), turn);
  double elapsed = milliseconds(CLOCK_MONOTONIC) - started;
  cpu = milliseconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
  double work = (double)done_bytes / (is_pingpong ? (double)size : 1e6);
  printf("{\"connected\":%zu,\"refused\":0,\"other\":0,\"firstError\":0,"
         "\"elapsedMs\":%.3f,\"cpuMs\":%.3f,\"work\":%.3f}\n",
         count, elapsed, cpu, work);
  return 0;
}
