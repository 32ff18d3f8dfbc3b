/*
 * Two network namespaces, and a line between them that is late by a known time.
 *
 *   delay <microseconds>
 *
 * Makes two network namespaces with a TUN device `tun0` in each, prints the paths of both as JSON
 * (nsenter(1) and ip(8) take them), and from then on hands what the peer's device sends to the
 * client's, so many microseconds later. It stands in for tc-netem(8), whose module not every
 * kernel has.
 *
 * One way only: one answer a handshake then passes here instead of three packets, which is what a
 * core keeps up with. If it could not, the packets would wait in its queue, for longer the faster
 * a client sends, and that would be what is measured.
 *
 * The delay is the same for all, so what came first is due first. While the ring is full the
 * device's own queue holds the rest. Ends with its standard input, and the namespaces with it:
 * they live by the descriptors that are open here and by the processes inside.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

/* BURST: read at most so many before what is due goes out. */
enum { SLOTS = 1 << 14, MTU = 1500, BURST = 16 };

static struct packet {
  int64_t due_ns;
  size_t size;
  char data[MTU];
} *ring;
/* How many have ever come and gone; each stands in `ring` at its number modulo SLOTS. */
static uint64_t come, gone;

static int64_t now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

/* A new namespace, and its device: a TUN is of the namespace that /dev/net/tun is opened in. */
static int make_side(int *device) {
  if (unshare(CLONE_NEWNET) != 0) die("a network namespace");
  *device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (*device < 0) die("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "tun0"};
  if (ioctl(*device, TUNSETIFF, &request) != 0) die("a TUN device");
  int space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (space < 0) die("/proc/self/ns/net");
  return space;
}

static void take_in(int from, int64_t delay_ns) {
  for (int i = 0; i < BURST && come - gone < SLOTS; i++) {
    struct packet *packet = &ring[come % SLOTS];
    ssize_t size = read(from, packet->data, MTU);
    if (size <= 0) return;
    packet->due_ns = now_ns() + delay_ns;
    packet->size = (size_t)size;
    come++;
  }
}

static void hand_out(int to) {
  while (gone < come && ring[gone % SLOTS].due_ns <= now_ns()) {
    struct packet *packet = &ring[gone++ % SLOTS];
    /* EIO: the device is down, and packets are lost, as on any line. */
    if (write(to, packet->data, packet->size) < 0 && errno != EIO) die("write");
  }
}

/* Until something comes or is due; with a full ring only what is due. */
static void wait_for_more(int from) {
  struct pollfd watched[] = {
      {.fd = STDIN_FILENO, .events = POLLIN},
      {.fd = come - gone < SLOTS ? from : -1, .events = POLLIN},
  };
  struct timespec timeout = {0};
  if (gone < come) {
    int64_t left_ns = ring[gone % SLOTS].due_ns - now_ns();
    if (left_ns < 0) left_ns = 0;
    timeout = (struct timespec){.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
  }
  if (ppoll(watched, 2, gone < come ? &timeout : NULL, NULL) < 0 && errno != EINTR) die("ppoll");
  if (watched[0].revents != 0) exit(0);
}

int main(int argc, char **argv) {
  int64_t delay_ns = argc == 2 ? atoll(argv[1]) * 1000 : 0;
  if (delay_ns <= 0) {
    fputs("usage: delay <microseconds>\n", stderr);
    return 2;
  }
  ring = calloc(SLOTS, sizeof *ring);
  if (!ring) die("calloc");
  int from_peer, to_client;
  int client = make_side(&to_client), peer = make_side(&from_peer);
  /* Before the server, with which it may share a core: accepting can wait, a handshake does not. */
  struct sched_param first = {.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_FIFO, &first) != 0) prctl(PR_SET_TIMERSLACK, 1);

  int self = getpid();
  printf("{\"client\":\"/proc/%d/fd/%d\",\"peer\":\"/proc/%d/fd/%d\"}\n", self, client, self, peer);
  fflush(stdout);
  for (;;) {
    take_in(from_peer, delay_ns);
    hand_out(to_client);
    wait_for_more(from_peer);
  }
}
