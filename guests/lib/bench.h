/* The parameter block of the bench guest. */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "layout.h"

struct bench {
  uint32_t kind;
  /* 1, 2, 4 or, of memory, 8. */
  uint32_t width;
  /* Not used for ports: see BENCH_PORT. */
  uint32_t address;
  uint32_t count;
  /* Address of `count` samples. */
  uint32_t samples;
  /* The sum of the values read from memory. */
  uint32_t check;
  uint32_t reserved[2];
};

_Static_assert(sizeof(struct bench) == BENCH_SIZE, "layout.h");
_Static_assert(offsetof(struct bench, kind) == BENCH_KIND && offsetof(struct bench, width) == BENCH_WIDTH, "layout.h");
_Static_assert(offsetof(struct bench, address) == BENCH_ADDRESS, "layout.h");
_Static_assert(offsetof(struct bench, count) == BENCH_COUNT, "layout.h");
_Static_assert(offsetof(struct bench, samples) == BENCH_SAMPLES, "layout.h");
_Static_assert(offsetof(struct bench, check) == BENCH_CHECK, "layout.h");

#endif
