/* An operation of the oplist guest, as it lies in guest memory. */
#ifndef GUEST_OP_H
#define GUEST_OP_H

#include <stddef.h>
#include <stdint.h>

#include "layout.h"

struct op {
  uint16_t code;
  uint16_t width;
  /* Times to perform it; elements of a string operation. */
  uint32_t count;
  /* Added to address and value after each time. */
  uint32_t address_step;
  uint32_t value_step;
  /* Guest-physical address or port. */
  uint64_t address;
  /* What to write, to wait for, or the address of the buffer of a string operation. */
  uint64_t value;
  uint64_t value_high;
  /* The last value read. */
  uint64_t result;
  uint64_t result_high;
  /* Of the low 8 bytes of all values read. */
  uint64_t sum;
};

_Static_assert(sizeof(struct op) == OP_SIZE, "layout.h");
_Static_assert(offsetof(struct op, width) == OP_WIDTH && offsetof(struct op, count) == OP_COUNT, "layout.h");
_Static_assert(offsetof(struct op, address_step) == OP_ADDRESS_STEP, "layout.h");
_Static_assert(offsetof(struct op, value_step) == OP_VALUE_STEP, "layout.h");
_Static_assert(offsetof(struct op, address) == OP_ADDRESS && offsetof(struct op, value) == OP_VALUE, "layout.h");
_Static_assert(offsetof(struct op, value_high) == OP_VALUE_HIGH, "layout.h");
_Static_assert(offsetof(struct op, result) == OP_RESULT, "layout.h");
_Static_assert(offsetof(struct op, result_high) == OP_RESULT_HIGH && offsetof(struct op, sum) == OP_SUM, "layout.h");

#endif
