#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* After this many fruitless spins in a row the server only spins every SPIN_RETRY exchanges. */
#define SPIN_PATIENCE 16
#define SPIN_RETRY 256

/* ---- moving bytes */

static STEP long raw_write(struct server *server, const uint8_t *data, size_t length, bool wait) {
  const _Atomic uint32_t *word = &server->stop.word;
  int flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);
  if (server->writes == FILE_PIPE) return interruptible_syscall(word, SYS_write, server->write_fd, (long)data, (long)length, 0, 0, 0);
  return interruptible_syscall(word, SYS_sendto, server->write_fd, (long)data, (long)length, flags, 0, 0);
}

bool server_take_kick(struct server *server) {
  uint32_t bits = atomic_fetch_and(&server->stop.word, ~(uint32_t)STOP_KICK);
  if (bits & STOP_KICK) server->kicked = true;
  return (bits & ~(uint32_t)STOP_KICK) == 0;
}

/* True: go on. False: `*result` is what exchange returns. */
static APART bool classify(struct server *server, long rc, int32_t *result) {
  if (rc == -EINTR) {
    *result = EXCHANGE_STOPPED;
    return server_take_kick(server);
  }
  server->error = (int)-rc;
  *result = rc == -EPIPE || rc == -ECONNRESET || rc == -ENOTCONN ? EXCHANGE_EOF : EXCHANGE_ERROR;
  return false;
}

/*
 * Packets keep their bounds, everything else goes out in one piece. Where the file is full and `wait` is not set, the
 * next call goes on with the rest (pipes: only where O_NONBLOCK is set).
 */
static STEP bool send_responses(struct server *server, uint32_t count, bool wait, int32_t *result) {
  size_t total = (size_t)count * MESSAGE_BYTES;
  while (server->sent < total) {
    size_t length = server->writes == FILE_PACKETS ? MESSAGE_BYTES : total - server->sent;
    long rc = raw_write(server, server->area->responses[0] + server->sent, length, wait);
    if (rc == -EAGAIN && !wait) {
      *result = EXCHANGE_BLOCKED;
      return false;
    }
    if (rc == -EAGAIN) rc = interruptible_wait(&server->stop.word, server->write_fd, POLLOUT);
    if (rc >= 0) server->sent += (size_t)rc;
    else if (!classify(server, rc, result)) return false;
  }
  server->sent = 0;
  return true;
}

/* What a packet of another length means. */
static APART int32_t not_a_message(size_t length) { return length == 0 ? EXCHANGE_EOF : EXCHANGE_MALFORMED; }

static STEP long receive_one(struct server *server, int flags, int32_t *result) {
  long rc = interruptible_syscall(&server->stop.word, SYS_recvfrom, server->read_fd, (long)server->area->commands[0],
                                  MESSAGE_BYTES, MSG_TRUNC | flags, 0, 0);
  if (rc < 0) return rc;
  if (rc == MESSAGE_BYTES) return 1;
  *result = not_a_message((size_t)rc);
  return 0;
}

/* Good messages before a bad one are handled first; the bad one is what the next exchange reports. */
static APART long receive_many(struct server *server, int flags, int32_t *result) {
  long rc = interruptible_syscall(&server->stop.word, SYS_recvmmsg, server->read_fd, (long)server->headers, BATCH,
                                  MSG_WAITFORONE | MSG_TRUNC | flags, 0, 0);
  if (rc < 0) return rc;
  long good = 0;
  while (good < rc && server->headers[good].msg_len == MESSAGE_BYTES) good++;
  if (good == rc) return good;
  int32_t bad = not_a_message(server->headers[good].msg_len);
  if (good > 0) server->pending_result = bad;
  else *result = bad;
  return good;
}

/* A command that waits for an answer is the last one of its batch: v3 bit 4 of byte 1, v2 bit 6 of byte 0. */
static STEP bool is_posted(const uint8_t *message) { return !(message[1] & 0x10) && !(message[0] & 0x40); }

static STEP long receive_packets(struct server *server, int flags, int32_t *result) {
  long rc = server->batching ? receive_many(server, flags, result) : receive_one(server, flags, result);
  if (rc > 0) server->batching = is_posted(server->area->commands[0]);
  return rc;
}

/* Fills commands from a byte stream; an incomplete message waits in `carry` for the next call. */
static APART long receive_stream(struct server *server, int flags, int32_t *result) {
  uint8_t *start = server->area->commands[0];
  memcpy(start, server->carry, server->carried);
  size_t room = sizeof server->area->commands - server->carried;
  long rc = server->reads == FILE_PIPE
                ? interruptible_syscall(&server->stop.word, SYS_read, server->read_fd, (long)(start + server->carried), (long)room, 0, 0, 0)
                : interruptible_syscall(&server->stop.word, SYS_recvfrom, server->read_fd, (long)(start + server->carried), (long)room, flags, 0, 0);
  if (rc < 0) return rc;
  if (rc == 0) {
    *result = server->carried > 0 ? EXCHANGE_MALFORMED : EXCHANGE_EOF;
    return 0;
  }
  size_t bytes = server->carried + (size_t)rc, whole = bytes / MESSAGE_BYTES * MESSAGE_BYTES;
  server->carried = (uint32_t)(bytes - whole);
  memcpy(server->carry, start + whole, server->carried);
  return whole == 0 ? -EAGAIN : (long)(whole / MESSAGE_BYTES);
}

static STEP long receive_some(struct server *server, bool wait, int32_t *result) {
  int flags = wait ? 0 : MSG_DONTWAIT;
  if (server->reads == FILE_PIPE && !wait) {
    struct pollfd entry = {.fd = server->read_fd, .events = POLLIN};
    if (poll(&entry, 1, 0) == 0) return -EAGAIN;
  }
  return server->reads == FILE_PACKETS ? receive_packets(server, flags, result) : receive_stream(server, flags, result);
}

/* ---- waiting */

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static STEP bool should_spin(struct server *server) {
  if (server->spin_ns == 0 || server->reads == FILE_PIPE) return false;
  return server->spin_failures < SPIN_PATIENCE || server->spin_failures++ % SPIN_RETRY == 0;
}

/* Polls for a while before sleeping: a peer on another core answers sooner than a wake-up takes. */
static APART long spin(struct server *server, int32_t *result) {
  uint64_t until = now_ns() + server->spin_ns;
  long rc;
  do {
    rc = receive_some(server, false, result);
  } while (rc == -EAGAIN && now_ns() < until);
  server->spin_failures = rc == -EAGAIN ? server->spin_failures + 1 : 0;
  return rc;
}

/* Members of a group take commands without blocking, so that `taking` is odd for the length of one call only. */
static APART long receive_in_group(struct server *server, bool wait, int32_t *result) {
  if (wait) {
    long rc = interruptible_wait(&server->stop.word, server->read_fd, POLLIN);
    if (rc < 0) return rc;
  }
  uint32_t carried = server->carried;
  order_take_begin(server->group, server->slot);
  long rc = receive_some(server, false, result);
  bool moved = rc > 0 || (rc == -EAGAIN && server->carried > carried);
  uint64_t bytes = !moved ? 0 : (rc > 0 ? (uint64_t)rc * MESSAGE_BYTES : 0) + server->carried - carried;
  order_take_end(server->group, server->slot, bytes);
  return rc;
}

static STEP long receive(struct server *server, bool wait, int32_t *result) {
  if (server->group != NULL) return receive_in_group(server, wait, result);
  if (wait && should_spin(server)) {
    long rc = spin(server, result);
    if (rc != -EAGAIN) return rc;
  }
  return receive_some(server, wait, result);
}

static STEP int32_t receive_batch(struct server *server, bool wait) {
  int32_t result = 0;
  if (server->pending_result != NO_RESULT) return server->pending_result;
  for (;;) {
    if (wait && server->kicked) {
      server->kicked = false;
      return EXCHANGE_KICKED;
    }
    long rc = receive(server, wait, &result);
    if (rc > 0) {
      server->batch = (uint32_t)rc;
      server->taken += (uint64_t)rc * MESSAGE_BYTES;
      return (int32_t)rc;
    }
    if (rc == 0) return result;
    if (rc == -EAGAIN) { /* nothing yet, or a part of a message */
      if (!wait) return EXCHANGE_NOTHING;
      if ((rc = interruptible_wait(&server->stop.word, server->read_fd, POLLIN)) == 0) continue;
    }
    if (!classify(server, rc, &result)) return result;
  }
}

int32_t server_exchange(struct server *server, uint32_t responses, bool wait) {
  int32_t result;
  if (atomic_load(&server->stop.word) != 0 && !server_take_kick(server)) return EXCHANGE_STOPPED;
  if (server->group != NULL) order_done(server->group, server->slot, server->taken);
  server->batch = 0;
  if (!send_responses(server, responses, wait, &result)) return result;
  return receive_batch(server, wait);
}

bool server_begin_barrier(struct server *server, uint32_t handled) {
  if (server->group == NULL) return false;
  uint64_t left = (uint64_t)(handled < server->batch ? server->batch - handled - 1 : 0) * MESSAGE_BYTES;
  order_done(server->group, server->slot, server->taken - left);
  if (!server->barrier.active) order_barrier_begin(server->group, server->slot, &server->barrier);
  return true;
}

/* ---- the files */

void server_close_files(struct server *server) {
  if (server->group != NULL) {
    order_group_leave(server->group, server->slot);
    shared_release(&server->group->shared);
    server->group = NULL;
  }
  if (server->read_fd >= 0) close(server->read_fd);
  if (server->write_fd >= 0) close(server->write_fd);
  server->read_fd = server->write_fd = -1;
}

static void destroy_server(struct shared *object) {
  struct server *server = (struct server *)object;
  server_close_files(server);
  free(server->area);
  free(server);
}

struct server *server_create(uint32_t spin_ns) {
  struct server *server = calloc(1, sizeof *server);
  if (server == NULL) return NULL;
  server->read_fd = server->write_fd = -1;
  server->spin_ns = spin_ns;
  server->pending_result = NO_RESULT;
  for (int i = 0; i < BATCH; i++) {
    server->vectors[i].iov_len = MESSAGE_BYTES;
    server->headers[i].msg_hdr.msg_iov = &server->vectors[i];
    server->headers[i].msg_hdr.msg_iovlen = 1;
  }
  shared_publish(&server->shared, SHARED_SERVER, &server->stop, destroy_server);
  return server;
}

static int open_file(int fd, int *duplicate, enum server_file *kind) {
  struct stat status;
  int type = 0;
  socklen_t length = sizeof type;
  *duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (*duplicate < 0 || fstat(*duplicate, &status) != 0) return errno;
  if (!S_ISSOCK(status.st_mode)) *kind = FILE_PIPE;
  else if (getsockopt(*duplicate, SOL_SOCKET, SO_TYPE, &type, &length) != 0) return errno;
  else *kind = type == SOCK_STREAM ? FILE_STREAM : FILE_PACKETS;
  return 0;
}

int server_open_files(struct server *server, int read_fd, int write_fd, struct order_group *group) {
  /* Before anything is duplicated: the duplicate could get the number of the other one. */
  if (fcntl(read_fd, F_GETFD) == -1 || fcntl(write_fd, F_GETFD) == -1) return EBADF;
  server->area = calloc(1, sizeof *server->area);
  if (server->area == NULL) return ENOMEM;
  for (int i = 0; i < BATCH; i++) server->vectors[i].iov_base = server->area->commands[i];
  int error = open_file(read_fd, &server->read_fd, &server->reads);
  if (error == 0) error = open_file(write_fd, &server->write_fd, &server->writes);
  if (error != 0 || group == NULL) return error;
  server->slot = order_group_join(group, server->read_fd, &server->taken);
  if (server->slot < 0) return ENOSPC;
  shared_acquire(&group->shared);
  server->group = group;
  return 0;
}
