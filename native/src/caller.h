/*
 * A caller: whoever makes guest accesses, a vCPU or (loopback) a JavaScript thread. It has one access under way at
 * most, and keeps all of its state, so that the access can be left (a kick) and taken up again.
 *
 *   idle -> lock -> [drain] -> send -> [receive] -> idle
 *             |        |         |         |
 *             +--------+---------+---------+--> failed -> resolve: all ones -> idle | retry -> lock
 *
 * A kick leaves the stage as it is; the channel stays locked from `drain` on, so nobody else can take its response.
 */
#ifndef IOREGION_CALLER_H
#define IOREGION_CALLER_H

#include "handles.h"
#include "region_table.h"

/* Fixed by src/native/binding.ts (AccessOutcome). */
enum outcome { OUTCOME_DONE = 0, OUTCOME_UNHANDLED = 1, OUTCOME_INTERRUPTED = 2, OUTCOME_FAILED = 3 };

enum stage { STAGE_IDLE, STAGE_LOCK, STAGE_DRAIN, STAGE_SEND, STAGE_RECEIVE, STAGE_FAILED };

struct access {
  enum space space;
  bool write;
  uint32_t size;    /* bytes: 1 to 8 */
  uint64_t address; /* gpa or port */
  uint64_t value;   /* in: written; out: read, zero-extended */
};

/* Shared with JavaScript: callerArea() and vcpuArea() in src/native/bindings/dispatch.ts. C reads each request field once. */
struct caller_area {
  uint32_t value_low, value_high, address_low, address_high, size, flags; /* flags: bit 0 write, bit 1 PIO */
  int32_t outcome; /* of the last access */
  uint32_t unused;
  uint32_t reason, error, region_id, first; /* `first`: the first report of this failure of the channel */
  uint32_t failed_address_low, failed_address_high, failed_size, failed_flags;
  uint32_t failed_value_low, failed_value_high, user_data_low, user_data_high;
  uint32_t policy, sent; /* `sent`: the whole command had gone out */
  uint32_t reserved[10];
};
_Static_assert(sizeof(struct caller_area) == 128, "callerArea is 128 bytes");

struct dispatcher;

struct caller {
  struct caller *next;
  struct dispatcher *dispatcher; /* NULL: ended */
  struct stop_target stop;
  struct region *region; /* of the access under way */
  _Atomic uintptr_t claim; /* this and the next: claim.h */
  uint32_t removals_seen;
  _Atomic uint32_t wait_sequence;  /* one more for each access that waits for a peer */
  _Atomic uint32_t wait_deadline_ms; /* 0: not waiting, or without a deadline */
  _Atomic uint32_t expired_sequence;
  uint32_t watched_sequence; /* the watchdog's own notes */
  uint64_t watched_ns;
  bool parked; /* in JavaScript with an access under way; under the dispatcher's lock */
  enum stage stage;
  struct access access;
  uint32_t moved; /* bytes of the current message */
  uint8_t message[MESSAGE_BYTES];
  struct caller_area *area;
};

/* Enters the caller into the dispatcher (of which it takes a reference). Returns 0 or ENOMEM. */
int caller_init(struct caller *caller, struct dispatcher *dispatcher);
/*
 * Takes it out of the dispatcher, which it no longer keeps alive: a command it left outstanding is drained by the
 * channel's next user. Idempotent. The area stays, because JavaScript may still look at it.
 */
void caller_end(struct caller *caller);
static inline bool caller_ended(const struct caller *caller) { return caller->dispatcher == NULL; }
/* Ends it where that has not happened, and frees the area. */
void caller_free(struct caller *caller);

/* Starts `access`; the caller must be idle. */
enum outcome caller_access(struct caller *caller, const struct access *access);
/* Goes on after INTERRUPTED. */
enum outcome caller_resume(struct caller *caller);
/*
 * The region is being removed: wakes a waiting caller of it, and fails a parked one in its place, so that the channel
 * is free for the regions that share it; an idle one no longer keeps it. Under the dispatcher's lock.
 */
void caller_region_removed(struct caller *caller, struct region *region);
/* Goes on after FAILED. */
enum outcome caller_resolve(struct caller *caller, bool retry);

#endif
