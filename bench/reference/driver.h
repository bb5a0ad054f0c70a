/* What makes the accesses: the bench guest under KVM, or the calling thread itself. */
#ifndef REFERENCE_DRIVER_H
#define REFERENCE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "target.h"

/* Accesses made without a look at the clock; short, so that a run ends close to its --seconds. */
#define BATCH_ACCESSES 512u

struct driver {
  /* At most BATCH_ACCESSES accesses to REGISTER_DATA and their latencies in ns. Writes carry `count` down to 1. */
  void (*batch)(struct driver *driver, struct target *target, uint32_t count, uint32_t *latencies);
  /* The median latency of no access at all, in ns. */
  uint32_t (*floor)(struct driver *driver);
  void (*close)(struct driver *driver);
};

/* Each opens the only driver of its kind; errors end the program. */
struct driver *loopback_driver_open(bool write, uint32_t size);
struct driver *kvm_driver_open(bool write, uint32_t size, const char *guest);
/* From now on KVM signals `eventfd` for the writes, without an exit. */
void kvm_driver_use_eventfd(struct driver *driver, int eventfd);

/* Dies unless `count` reads of `size` bytes of REGISTER_DATA add up to `sum`, modulo 2^(8 * min(size, 4)). */
void check_read_sum(uint32_t size, uint32_t count, uint32_t sum);

#endif
