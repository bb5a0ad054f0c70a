/* The driver of the benchmark, whose time is not measured: fills the ring, and checks what was used. */
#ifndef QUEUE_DRIVER_H
#define QUEUE_DRIVER_H

#include "queue.h"

/* Guest-physical addresses, in one region from 0; bench/queue/layout.ts has the same. */
enum {
  DESCRIPTORS = 0,
  DRIVER_AREA = 0x8000,
  DEVICE_AREA = 0xa000,
  TABLES = 0x10000,
  BUFFERS = 0x100000,
  MEMORY_BYTES = 0x1000000,
  QUEUE_SIZE = 1024,
  /* Chains whose tables, of up to 16 entries, stay in the second cache. */
  INDIRECT_CHAINS = 256,
  TABLE_STRIDE = 16 * 16,
  BUFFER_STRIDE = 4096,
};

struct driver {
  struct queue_setup setup;
  uint8_t *memory;
  unsigned per_chain; /* segments */
  unsigned chains;    /* of each round */
  unsigned calls;
  uint16_t available, used;           /* split: indices; packed: offsets */
  uint16_t available_flags, used_flags; /* packed: of the lap they are in */
};

void driver_open(struct driver *driver, uint8_t *memory);
/* Makes the chains of a round available, and asks for a call after the last. */
void driver_fill(struct driver *driver);
/* Dies where the device did not use them all, each as it was. */
void driver_collect(struct driver *driver);

void split_fill(struct driver *driver);
void split_collect(struct driver *driver);
void packed_fill(struct driver *driver);
void packed_collect(struct driver *driver);

static inline uint64_t buffer_of(unsigned chain, unsigned segment)
{
  return BUFFERS + (uint64_t)((chain * 16 + segment) % 3000) * BUFFER_STRIDE;
}

/* A header, then what the device writes; a single segment is written. The last of several is a status byte. */
static inline uint32_t length_of(const struct driver *driver, unsigned segment)
{
  if (segment + 1 == driver->per_chain && segment > 0) return 1;
  return segment == 0 && driver->per_chain > 1 ? 16 : 4096;
}

static inline uint16_t write_flag(const struct driver *driver, unsigned segment)
{
  return segment > 0 || driver->per_chain == 1 ? DESC_WRITE : 0;
}

static inline uint32_t writable_bytes(const struct driver *driver)
{
  uint32_t sum = 0;
  for (unsigned i = 0; i < driver->per_chain; i++)
    if (write_flag(driver, i) != 0) sum += length_of(driver, i);
  return sum;
}

#endif
