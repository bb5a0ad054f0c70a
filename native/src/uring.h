/* An io_uring that only C can reach: entries name addresses, so that no script may see them. */
#ifndef IOREGION_URING_H
#define IOREGION_URING_H

#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uring {
  int fd;
  void *rings; /* both rings; NULL where closed */
  struct io_uring_sqe *entries;
  size_t rings_length, entries_length;
  _Atomic uint32_t *submit_head, *submit_tail, *complete_head, *complete_tail;
  const struct io_uring_cqe *completions;
  uint32_t submit_mask, complete_mask;
};

/* A ring for at least `entries` requests in flight, used by the calling thread alone. Returns 0 or an errno. */
int uring_open(struct uring *ring, uint32_t entries);
/* Idempotent. Nothing may be in flight. */
void uring_close(struct uring *ring);

/* The next entry, zeroed, to be filled before uring_enter; NULL where the ring is full. */
struct io_uring_sqe *uring_next(struct uring *ring);
/* Submits what has been filled, and waits for `wait` completions. Returns 0 or an errno. */
int uring_enter(struct uring *ring, uint32_t wait);
/* Takes back the last entry the kernel has not taken: its user_data, or false where there is none. */
bool uring_withdraw(struct uring *ring, uint64_t *user_data);
/* Asks the kernel to give up what it still can: that completes with ECANCELED. */
void uring_cancel_all(struct uring *ring);
/* The next completion, false where there is none. */
bool uring_take(struct uring *ring, struct io_uring_cqe *out);

#endif
