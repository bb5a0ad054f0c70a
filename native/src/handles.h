/*
 * Objects that several Workers of the process use at once. Each has an id that travels in a message; `shared_find`
 * turns it into a counted reference, or nothing once the object is gone. Ids are never reused.
 */
#ifndef IOREGION_HANDLES_H
#define IOREGION_HANDLES_H

#include "interruptible.h"

#include <stdbool.h>
#include <stdint.h>

enum shared_kind { SHARED_DISPATCHER, SHARED_CALLER, SHARED_VCPU, SHARED_ORDER_GROUP, SHARED_SERVER };

struct shared {
  struct shared *next;
  struct stop_target *stop; /* what ends its waits at process exit; NULL where it never waits */
  void (*destroy)(struct shared *object);
  uint32_t references, id;
  enum shared_kind kind;
  bool retired;
};

/* Enters a new object with one reference. */
void shared_publish(struct shared *object, enum shared_kind kind, struct stop_target *stop,
                    void (*destroy)(struct shared *));
/* A new reference, or NULL. */
struct shared *shared_find(uint32_t id, enum shared_kind kind);
void shared_acquire(struct shared *object);
/* Destroys the object with its last reference. */
void shared_release(struct shared *object);
/* Its owner has ended it: nobody finds it any more, who has a reference keeps it. */
void shared_retire(struct shared *object);
/* Raises `bits` on one object; false where it is gone. */
bool shared_stop(uint32_t id, enum shared_kind kind, uint32_t bits);
/* Raises STOP_FOREVER on all of them: the process exits and no Worker may stay in a system call. */
void shared_stop_all(void);

#endif
