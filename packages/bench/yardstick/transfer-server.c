/*
 * The server of the transfers: does so little for a byte that it is never what is measured.
 *
 *   transfer-server <address>
 *
 * Listens on three ports, and prints them as JSON. `echo` sends back what comes, which has to be
 * small: what does not fit into the socket's buffer at once ends the program. `sink` throws away
 * what comes without copying it, tcp(7), MSG_TRUNC. `source` sends as much as is taken, from memory
 * that stays in the cache: sendfile(2) of pages is slower. Ends with its standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum { BACKLOG = 4096, BATCH = 256, MOST_ECHOED = 4096, AT_ONCE = 1 << 18 };

/* Listeners, and what they accept: the role stands beside the descriptor in the event. */
enum role { ECHO, SINK, SOURCE, ROLES, INPUT };

static int epoll;
static char zeros[AT_ONCE];

static void watch(int fd, uint32_t events, int role, int listens) {
  uint64_t data = (uint64_t)listens << 40 | (uint64_t)role << 32 | (uint32_t)fd;
  struct epoll_event event = {.events = events, .data.u64 = data};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

static int listen_at(const char *address, int role) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  if (inet_pton(AF_INET, address, &at.sin_addr) != 1) die(address);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0) die("bind");
  if (listen(fd, BACKLOG) != 0) die("listen");
  if (getsockname(fd, (struct sockaddr *)&at, &size) != 0) die("getsockname");
  watch(fd, EPOLLIN, role, 1);
  return ntohs(at.sin_port);
}

static void accept_all(int listener, int role) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) watch(fd, role == SOURCE ? EPOLLOUT : EPOLLIN, role, 0);
    else if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    else if (errno != ECONNABORTED && errno != EINTR) die("accept4");
  }
}

static ssize_t echo(int fd) {
  char data[MOST_ECHOED];
  ssize_t size = recv(fd, data, sizeof data, 0);
  if (size <= 0) return size;
  ssize_t sent = send(fd, data, (size_t)size, MSG_NOSIGNAL);
  if (sent >= 0 && sent < size) {
    fputs("what was to be echoed does not fit\n", stderr);
    exit(1);
  }
  return sent;
}

static void serve(int fd, int role) {
  ssize_t count = role == ECHO   ? echo(fd)
                  : role == SINK ? recv(fd, NULL, AT_ONCE, MSG_TRUNC)
                                 : send(fd, zeros, AT_ONCE, MSG_NOSIGNAL);
  if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))) return;
  /* The end, or the client's reset. */
  close(fd);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: transfer-server <address>\n", stderr);
    return 2;
  }
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) die("epoll_create1");
  int ports[ROLES];
  for (int role = ECHO; role < ROLES; role++) ports[role] = listen_at(argv[1], role);
  watch(STDIN_FILENO, EPOLLIN, INPUT, 0);

  printf("{\"echo\":%d,\"sink\":%d,\"source\":%d}\n", ports[ECHO], ports[SINK], ports[SOURCE]);
  fflush(stdout);
  for (;;) {
    struct epoll_event events[BATCH];
    int ready = epoll_wait(epoll, events, BATCH, -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) {
      uint64_t data = events[i].data.u64;
      int fd = (int)(uint32_t)data, role = (int)(data >> 32 & 0xff);
      if (role == INPUT) return 0;
      if (data >> 40) accept_all(fd, role);
      else serve(fd, role);
    }
  }
}
