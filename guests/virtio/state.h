/* What the parts of the virtio guest share: the run as the host wants it, and the guest's own notes. */
#ifndef GUEST_VIRTIO_STATE_H
#define GUEST_VIRTIO_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "layout.h"

/* The parameter block; everything after `step` is the guest's answer. */
struct virtio_run {
  uint32_t flags;
  /* Where BARs may go: memory, ports. Multiples of the largest BAR. */
  uint32_t memory_window;
  uint32_t port_window;
  uint32_t queues;
  /* Requests of VIRTIO_REQUEST_BYTES to write and to read back. */
  uint32_t requests;
  uint32_t seed;
  /* The I/O APIC's pin that INTA# is wired to. */
  uint32_t pin;
  /* How far the driver got: VIRTIO_STEP_... */
  uint32_t step;
  uint32_t function;
  uint32_t id;
  uint32_t features[2];
  uint32_t capacity;
  uint32_t written;
  uint32_t read;
  uint32_t mismatches;
  uint32_t interrupts[VIRTIO_INTERRUPTS];
  uint32_t bars[6];
  uint32_t bar_sizes[6];
};

_Static_assert(sizeof(struct virtio_run) == VIRTIO_SIZE, "layout.h");
_Static_assert(offsetof(struct virtio_run, flags) == VIRTIO_FLAGS, "layout.h");
_Static_assert(offsetof(struct virtio_run, memory_window) == VIRTIO_MEMORY_WINDOW, "layout.h");
_Static_assert(offsetof(struct virtio_run, port_window) == VIRTIO_PORT_WINDOW, "layout.h");
_Static_assert(offsetof(struct virtio_run, queues) == VIRTIO_QUEUES, "layout.h");
_Static_assert(offsetof(struct virtio_run, requests) == VIRTIO_REQUESTS, "layout.h");
_Static_assert(offsetof(struct virtio_run, seed) == VIRTIO_SEED, "layout.h");
_Static_assert(offsetof(struct virtio_run, pin) == VIRTIO_PIN, "layout.h");
_Static_assert(offsetof(struct virtio_run, step) == VIRTIO_STEP, "layout.h");
_Static_assert(offsetof(struct virtio_run, function) == VIRTIO_FUNCTION, "layout.h");
_Static_assert(offsetof(struct virtio_run, id) == VIRTIO_ID, "layout.h");
_Static_assert(offsetof(struct virtio_run, features) == VIRTIO_FEATURES, "layout.h");
_Static_assert(offsetof(struct virtio_run, capacity) == VIRTIO_CAPACITY, "layout.h");
_Static_assert(offsetof(struct virtio_run, written) == VIRTIO_WRITTEN, "layout.h");
_Static_assert(offsetof(struct virtio_run, read) == VIRTIO_READ, "layout.h");
_Static_assert(offsetof(struct virtio_run, mismatches) == VIRTIO_MISMATCHES, "layout.h");
_Static_assert(offsetof(struct virtio_run, interrupts) == VIRTIO_INTERRUPT_COUNTS, "layout.h");
_Static_assert(offsetof(struct virtio_run, bars) == VIRTIO_BARS, "layout.h");
_Static_assert(offsetof(struct virtio_run, bar_sizes) == VIRTIO_BAR_SIZES, "layout.h");

/* A window of the modern interface: an address, 0 where there is none. */
struct windows {
  uintptr_t common;
  uintptr_t notify;
  uint32_t notify_multiplier;
  uintptr_t isr;
  uintptr_t device;
  uintptr_t msix_table;
  uint16_t msix_control;
  /* The legacy interface: a port. */
  uint16_t legacy;
};

/* One virtqueue; packed where `packed` is set. Requests are slots, each with its own buffer and descriptors. */
struct queue {
  uint16_t index;
  uint16_t size;
  uint32_t packed;
  uintptr_t descriptors;
  uintptr_t driver_area;
  uintptr_t device_area;
  /* Where kicks go: an address, or for the legacy interface a port. */
  uintptr_t doorbell;
  uint16_t next;
  uint16_t used;
  /* Packed: wrap counters of both sides, and how many descriptors each slot takes. */
  uint16_t driver_wrap;
  uint16_t device_wrap;
  uint16_t lengths[VIRTIO_SLOTS];
};

struct state {
  struct virtio_run *run;
  struct windows windows;
  struct queue queues[VIRTIO_MAX_QUEUES];
};

/* At a fixed address, where interrupt handlers find it. */
#define STATE ((struct state *)VIRTIO_STATE)

static inline uint32_t has_flag(uint32_t flag)
{
  return STATE->run->flags & flag;
}

#endif
