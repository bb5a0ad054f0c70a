/*
 * Sends so many bytes over TCP, or receives them and knows what must come: what is lost, doubled or misplaced shows.
 *
 *   tcp-transfer receive PORT BYTES
 *   tcp-transfer send ADDRESS PORT BYTES
 *
 * BYTES is a multiple of 8. Large calls: in User-Mode Linux a system call of a process costs more than what the kernel
 * does for it. Status 0: the receiver has found every byte right.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_WORDS = 32768, PATIENCE_S = 240 };

static uint64_t buffer[BUFFER_WORDS];

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t expected_word(uint64_t number) {
  return (number + 1) * 0x9e3779b97f4a7c15u;
}

/* A peer that falls silent ends the transfer. */
static int open_socket(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct timeval patience = {.tv_sec = PATIENCE_S};
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return fd;
}

static int accepted(uint16_t port) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  int listener = open_socket();
  if (bind(listener, (struct sockaddr *)&any, sizeof any) != 0 || listen(listener, 1) != 0) fail("listen");
  printf("listening\n");
  fflush(stdout);
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) fail("accept");
  return fd;
}

static int connected(const char *address, uint16_t port) {
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
  int fd = open_socket();
  if (inet_pton(AF_INET, address, &peer.sin_addr) != 1) fail("address");
  if (connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0) fail("connect");
  return fd;
}

static void send_all(int fd, uint64_t words) {
  for (uint64_t done = 0; done < words;) {
    size_t count = words - done < BUFFER_WORDS ? words - done : BUFFER_WORDS;
    for (size_t i = 0; i < count; i++) buffer[i] = expected_word(done + i);
    for (size_t sent = 0; sent < count * 8;) {
      ssize_t step = write(fd, (char *)buffer + sent, count * 8 - sent);
      if (step <= 0) fail("send");
      sent += (size_t)step;
    }
    done += count;
  }
  /* The receiver closes once it has seen all. */
  shutdown(fd, SHUT_WR);
  if (read(fd, buffer, 1) != 0) fail("the receiver has not taken all");
}

static void receive_all(int fd, uint64_t words) {
  for (uint64_t done = 0; done < words;) {
    size_t count = words - done < BUFFER_WORDS ? words - done : BUFFER_WORDS;
    ssize_t got = recv(fd, buffer, count * 8, MSG_WAITALL);
    if (got != (ssize_t)(count * 8)) fail("receive");
    for (size_t i = 0; i < count; i++) {
      if (buffer[i] == expected_word(done + i)) continue;
      fprintf(stderr, "byte %" PRIu64 ": %" PRIx64 " instead of %" PRIx64 "\n", (done + i) * 8, buffer[i],
              expected_word(done + i));
      exit(1);
    }
    done += count;
  }
  if (read(fd, buffer, 1) != 0) {
    fprintf(stderr, "more than was sent\n");
    exit(1);
  }
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  int sends = argc == 5 && strcmp(argv[1], "send") == 0;
  if (!sends && (argc != 4 || strcmp(argv[1], "receive") != 0)) return 2;
  uint64_t bytes = strtoull(argv[argc - 1], NULL, 10);
  uint16_t port = (uint16_t)atoi(argv[argc - 2]);
  int fd = sends ? connected(argv[2], port) : accepted(port);
  double start = seconds();
  if (sends) send_all(fd, bytes / 8);
  else receive_all(fd, bytes / 8);
  close(fd);
  printf("%s %" PRIu64 " bytes, %.1f MB/s\n", sends ? "sent" : "received", bytes, (double)bytes / 1e6 / (seconds() - start));
  return 0;
}
