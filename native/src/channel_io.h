/* Locking a channel and moving its bytes: inlined, for the reason that interruptible_syscall is. */
#ifndef IOREGION_CHANNEL_IO_H
#define IOREGION_CHANNEL_IO_H

#include "channel.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/*
 * A futex lock that belongs to a caller, not to a thread: it stays held while an interrupted caller is in JavaScript.
 * 0, or -EINTR where `word` was raised first.
 */
static STEP int channel_lock(struct channel *channel, const _Atomic uint32_t *word) {
  uint32_t expected = 0;
  if (USUALLY(atomic_compare_exchange_strong(&channel->lock, &expected, 1))) return 0;
  return channel_wait_for_lock(channel, word);
}

static STEP void channel_unlock(struct channel *channel) {
  if (RARELY(atomic_exchange(&channel->lock, 0) == 2)) channel_wake_waiter(channel);
}

/* One attempt to move bytes; they return a count, 0 at end of file, or -errno (-EINTR: look at the stop word). */
static STEP long channel_send(const struct channel *channel, const _Atomic uint32_t *word, const uint8_t *data, uint32_t length) {
  const struct endpoint *end = &channel->commands;
  for (;;) {
    long rc = RARELY(end->kind == FILE_OTHER)
                  ? interruptible_syscall(word, SYS_write, end->fd, (long)data, length, 0, 0, 0)
                  : interruptible_syscall(word, SYS_sendto, end->fd, (long)data, length, MSG_NOSIGNAL, 0, 0);
    if (USUALLY(rc != -EAGAIN)) return rc;
    if ((rc = interruptible_wait(word, end->fd, POLLOUT)) < 0) return rc;
  }
}

static STEP long channel_receive(const struct channel *channel, const _Atomic uint32_t *word, uint8_t *data, uint32_t length) {
  const struct endpoint *end = &channel->responses;
  int flags = end->kind == FILE_PACKET_SOCKET ? MSG_TRUNC : 0; /* a longer packet shows its real length */
  for (;;) {
    long rc = RARELY(end->kind == FILE_OTHER)
                  ? interruptible_syscall(word, SYS_read, end->fd, (long)data, length, 0, 0, 0)
                  : interruptible_syscall(word, SYS_recvfrom, end->fd, (long)data, length, flags, 0, 0);
    if (USUALLY(rc != -EAGAIN)) return rc;
    if ((rc = interruptible_wait(word, end->fd, POLLIN)) < 0) return rc;
  }
}

#endif
