/*
 * The server of the bench: accepts as fast as it can, so that it is never what is measured.
 *
 *   server <hold> <address>...
 *
 * Listens on one port of all the addresses, and binds a second one without listening: nobody else
 * can take it, and who connects to it is refused. A third one listens with a queue that is full and
 * that nobody accepts from: who connects to it gets no answer, tcp(7). Prints the ports as JSON. An
 * accepted socket is kept until `hold` more have come; by then the client has reset it, and closing it costs next to
 * nothing. So it takes two system calls a connection, against the client's six. Ends with its
 * standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

/* FILLING: a queue for one holds two, as the kernel compares with "greater than". */
enum { BACKLOG = 4096, PORT_TRIES = 100, FULL_BACKLOG = 1, FILLING = 2 };

static int *held;
static size_t hold, next_held;

/* Port 0 asks the kernel for one. Returns -1 where the port is taken on this address. */
static int bound(const char *address, in_port_t port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = port};
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) die(address);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (bind(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
  if (errno != EADDRINUSE) die("bind");
  close(fd);
  return -1;
}

static in_port_t port_of(int fd) {
  struct sockaddr_in local;
  socklen_t size = sizeof local;
  if (getsockname(fd, (struct sockaddr *)&local, &size) != 0) die("getsockname");
  return local.sin_port;
}

/* One port on all addresses: the kernel picks it for the first, and it may be taken on others. */
static in_port_t bind_all(char **addresses, int count, int *fds) {
  for (int attempt = 0; attempt < PORT_TRIES; attempt++) {
    in_port_t port = 0;
    int done = 0;
    for (; done < count; done++) {
      fds[done] = bound(addresses[done], port);
      if (fds[done] < 0) break;
      if (done == 0) port = port_of(fds[0]);
    }
    if (done == count) return port;
    while (done > 0) close(fds[--done]);
  }
  fputs("no port is free on all the addresses\n", stderr);
  exit(1);
}

/*
 * What fills the queue stays open as long as the server. Does not wait: on loopback it is done at
 * once, and in a namespace without one nobody asks for this port.
 */
static void listen_full(int listener) {
  struct sockaddr_in local;
  socklen_t size = sizeof local;
  if (listen(listener, FULL_BACKLOG) != 0) die("listen");
  if (getsockname(listener, (struct sockaddr *)&local, &size) != 0) die("getsockname");
  for (int i = 0; i < FILLING; i++) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    if (connect(fd, (struct sockaddr *)&local, size) != 0 && errno != EINPROGRESS)
      die("fill a queue");
  }
}

/* Makes room by closing the oldest. */
static void keep(int fd) {
  if (held[next_held] >= 0) close(held[next_held]);
  held[next_held] = fd;
  next_held = (next_held + 1) % hold;
}

static void accept_all(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) keep(fd);
    else if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    else if (errno == EMFILE || errno == ENFILE) keep(-1);
    else if (errno != ECONNABORTED && errno != EINTR) die("accept4");
  }
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: server <hold> <address>...\n", stderr);
    return 2;
  }
  hold = strtoul(argv[1], NULL, 10);
  held = malloc(hold * sizeof *held);
  int count = argc - 2;
  int *listeners = malloc((size_t)count * sizeof *listeners);
  int *silent = malloc((size_t)count * sizeof *silent);
  int *full = malloc((size_t)count * sizeof *full);
  if (hold == 0 || !held || !listeners || !silent || !full) die("malloc");
  for (size_t i = 0; i < hold; i++) held[i] = -1;

  in_port_t port = bind_all(argv + 2, count, listeners);
  in_port_t closed_port = bind_all(argv + 2, count, silent);
  in_port_t full_port = bind_all(argv + 2, count, full);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) die("epoll_create1");
  for (int i = 0; i < count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listeners[i]};
    if (listen(listeners[i], BACKLOG) != 0) die("listen");
    listen_full(full[i]);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listeners[i], &event) != 0) die("epoll_ctl");
  }
  struct epoll_event input = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0) die("epoll_ctl");

  printf("{\"port\":%d,\"closedPort\":%d,\"fullPort\":%d}\n", ntohs(port), ntohs(closed_port),
         ntohs(full_port));
  fflush(stdout);
  for (;;) {
    struct epoll_event events[16];
    int ready = epoll_wait(epoll, events, 16, -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) {
      if (events[i].data.fd == STDIN_FILENO) return 0;
      accept_all(events[i].data.fd);
    }
  }
}
