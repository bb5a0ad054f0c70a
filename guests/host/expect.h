/*
 * What a list of operations must look like from outside: the exits in order, the values read, and the bytes left in
 * guest memory. Reads are answered with pseudo-random data, so that a value that went astray shows.
 */
#ifndef GUEST_EXPECT_H
#define GUEST_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "op.h"

/* One exit, or one element of a string exit. */
struct piece {
  bool pio;
  bool write;
  uint8_t size;
  uint64_t address;
  /* What the guest writes, or what the host answers. */
  uint8_t data[8];
};

/* Bytes that an operation leaves in guest memory. */
struct stored {
  uint64_t address;
  uint8_t size;
  uint8_t data[16];
};

#define MAX_PIECES 512
#define MAX_STORED 128

struct expectation {
  struct piece pieces[MAX_PIECES];
  size_t piece_count;
  struct stored stored[MAX_STORED];
  size_t stored_count;
  uint32_t random;
  /* Guest memory: addresses below `memory_size` cause no exit. */
  const uint8_t *memory;
  uint64_t memory_size;
};

void expect_start(struct expectation *expected, const uint8_t *memory, uint64_t memory_size);

/* Appends what `op` must cause; `after` becomes the operation as the guest must leave it. */
void expect_op(struct expectation *expected, const struct op *op, struct op *after);

#endif
