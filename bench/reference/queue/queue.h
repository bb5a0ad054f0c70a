/*
 * A virtqueue engine with the checks of src/virtio/queue: every ring field read once and judged, chains bounded, addresses
 * translated, heads and buffer IDs in flight tracked, notifications suppressed by event index.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory_map.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2 };
/* Segments a chain has room for. */
enum { MAX_SEGMENTS = 64 };
#define MAX_CHAIN_BYTES ((uint64_t)1 << 32)

/* Of either format: in a packed ring `flags` is the buffer ID, and `next` the flags. */
struct descriptor {
  _Atomic uint64_t address;
  _Atomic uint32_t length;
  _Atomic uint16_t flags, next;
};

struct available_ring {
  _Atomic uint16_t flags, idx, ring[];
};

struct used_entry {
  _Atomic uint32_t id, length;
};

struct used_ring {
  _Atomic uint16_t flags, idx;
  struct used_entry ring[];
};

/* Of packed rings: position in the low half, flags in the high one. */
typedef _Atomic uint32_t event_suppression;

struct chain {
  struct chain *link; /* the next idle one */
  uint16_t head, descriptors;
  bool taken;
  unsigned count, readable_count;
  uint64_t readable_bytes, writable_bytes;
  struct iovec segments[MAX_SEGMENTS];
};

struct table {
  const struct descriptor *entries;
  unsigned count;
};

struct queue {
  bool packed, indirect, event_idx, running;
  uint16_t size;
  struct table ring;
  struct memory_map *memory;
  struct chain *idle, *chains;
  uint8_t *in_flight; /* by head or buffer ID */
  void (*call)(void *context);
  void *context;
  const char *failure;

  /* Split. */
  const struct available_ring *available;
  struct used_ring *used;
  uint16_t next, seen, used_next, used_idx;
  int32_t armed;

  /* Packed. */
  struct descriptor *packed_ring;
  const event_suppression *driver_event;
  event_suppression *device_event;
  uint16_t packed_next, packed_used, in_use, unpublished;
  uint16_t available_state, used_state;
  struct descriptor *first; /* the used descriptor that is written last */
  uint16_t first_flags;
};

struct queue_setup {
  bool packed, indirect, event_idx;
  uint16_t size;
  uint64_t descriptors, driver_area, device_area;
};

void queue_open(struct queue *queue, const struct queue_setup *setup, struct memory_map *memory);
void queue_close(struct queue *queue);

/* The next chain; NULL where there is none, or where the queue has failed. */
struct chain *queue_pop(struct queue *queue);
void queue_complete(struct queue *queue, struct chain *chain, uint32_t written);
/* Makes completions visible, and calls the driver where it wants that. */
void queue_flush(struct queue *queue);

struct chain *split_pop(struct queue *queue);
void split_use(struct queue *queue, struct chain *chain, uint32_t written);
bool split_publish(struct queue *queue);
void split_arm(struct queue *queue);

struct chain *packed_pop(struct queue *queue);
void packed_use(struct queue *queue, struct chain *chain, uint32_t written);
bool packed_publish(struct queue *queue);
void packed_arm(struct queue *queue);

/* Records which rule the driver broke. */
bool queue_fail(struct queue *queue, const char *rule);

static inline bool passes_event(uint16_t event, uint16_t before, uint16_t after)
{
  return (uint16_t)(after - event - 1) < (uint16_t)(after - before);
}

#endif
