/*
 * Device-wide ordering: a read on one region fd of a device is answered only after every write posted earlier on the
 * device's other fds has taken effect, as a PCI read would. No posted revision of ioregionfd gave this.
 *
 * Each member counts the bytes it has taken from its fd and the bytes it has dealt with. The writes posted earlier are
 * those counted as taken plus those still in the file (FIONREAD); a barrier notes that sum for each sibling and waits
 * until the sibling's second count has reached it. `taking` is odd while a member moves bytes from file to count.
 */
#ifndef IOREGION_ORDER_GROUP_H
#define IOREGION_ORDER_GROUP_H

#include "handles.h"

#include <pthread.h>

#define ORDER_GROUP_MEMBERS 64

struct order_member {
  _Atomic uint32_t taking;
  _Atomic uint32_t waiters;
  _Atomic uint32_t progress; /* futex: one more with each change of `done` that somebody waits for */
  _Atomic uint64_t taken, done; /* bytes */
  int fd; /* -1: free slot; under the group's lock */
};

struct order_group {
  struct shared shared;
  pthread_mutex_t lock;
  struct order_member members[ORDER_GROUP_MEMBERS];
};

/* Progress of one barrier, kept by its member so that it can be looked at again later. */
struct order_barrier {
  bool active;
  uint64_t targets[ORDER_GROUP_MEMBERS]; /* 0: nothing to wait for */
};

struct args;
struct order_group *arg_order_group(const struct args *args, size_t index);

/*
 * Joins with a file that stays open until order_group_leave. Returns a slot, or -1 where the group is full. `*base` is
 * the count from which the member goes on: the slot may have had another one.
 */
int order_group_join(struct order_group *group, int fd, uint64_t *base);
void order_group_leave(struct order_group *group, int slot);

void order_take_begin(struct order_group *group, int slot);
void order_take_end(struct order_group *group, int slot, uint64_t bytes);
/* Everything up to `total` bytes has taken effect. */
void order_done(struct order_group *group, int slot, uint64_t total);

void order_barrier_begin(struct order_group *group, int slot, struct order_barrier *barrier);
/* True where nothing earlier is left. */
bool order_barrier_passed(struct order_group *group, struct order_barrier *barrier);
/* Waits for that. False where `word` was raised. */
bool order_barrier_wait(struct order_group *group, struct order_barrier *barrier, const _Atomic uint32_t *word);

#endif
