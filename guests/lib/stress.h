/* The parameter block of the stress guest, and the arithmetic that its host repeats. */
#ifndef GUEST_STRESS_H
#define GUEST_STRESS_H

#include <stddef.h>
#include <stdint.h>

#include "layout.h"

struct stress {
  /* Not zero. */
  uint32_t seed;
  uint32_t count;
  uint32_t vcpu;
  uint32_t vcpus;
  /* Powers of two: regions, and registers of each vCPU in a region. */
  uint32_t regions;
  uint32_t registers;
  /* Address of a struct barrier that all vCPUs pass before they start. */
  uint32_t barrier;
  uint32_t reads;
  uint32_t writes;
  uint32_t read_hash;
  uint32_t write_hash;
  uint32_t reserved[5];
  uint32_t bases[STRESS_MAX_REGIONS];
};

_Static_assert(sizeof(struct stress) == STRESS_SIZE, "layout.h");
_Static_assert(offsetof(struct stress, seed) == STRESS_SEED, "layout.h");
_Static_assert(offsetof(struct stress, count) == STRESS_COUNT, "layout.h");
_Static_assert(offsetof(struct stress, vcpu) == STRESS_VCPU, "layout.h");
_Static_assert(offsetof(struct stress, vcpus) == STRESS_VCPUS, "layout.h");
_Static_assert(offsetof(struct stress, regions) == STRESS_REGIONS, "layout.h");
_Static_assert(offsetof(struct stress, registers) == STRESS_REGISTERS, "layout.h");
_Static_assert(offsetof(struct stress, barrier) == STRESS_BARRIER, "layout.h");
_Static_assert(offsetof(struct stress, reads) == STRESS_READS, "layout.h");
_Static_assert(offsetof(struct stress, writes) == STRESS_WRITES, "layout.h");
_Static_assert(offsetof(struct stress, read_hash) == STRESS_READ_HASH, "layout.h");
_Static_assert(offsetof(struct stress, write_hash) == STRESS_WRITE_HASH, "layout.h");
_Static_assert(offsetof(struct stress, bases) == STRESS_BASES, "layout.h");

static inline uint32_t xorshift32(uint32_t x)
{
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return x;
}

static inline uint32_t hash_step(uint32_t hash, uint32_t value)
{
  return (hash << 5) + (hash >> 27) + value;
}

#endif
