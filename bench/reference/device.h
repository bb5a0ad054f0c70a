/* The device that every path drives: a block of registers with width rules and counters. */
#ifndef REFERENCE_DEVICE_H
#define REFERENCE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"

#define REGION_ADDRESS 0xd0000000u
#define REGION_BYTES 0x1000u

/* Read-only, 8 bytes wide: how often DATA was read and written, the sum of what was written, and refused accesses. */
#define REGISTER_READS 0x00
#define REGISTER_WRITES 0x08
#define REGISTER_SUM 0x10
#define REGISTER_REFUSED 0x18
/* 1, 2, 4 or 8 bytes wide: reads give the low bytes of data_value(REGISTER_DATA). */
#define REGISTER_DATA 0x20

struct device {
  uint64_t reads;
  uint64_t writes;
  uint64_t sum;
  uint64_t refused;
};

static inline uint64_t data_value(uint64_t offset)
{
  return 0x0123456789abcdefull + offset * 0x0101010101010101ull;
}

/* Values are zero-extended; a register or width that does not exist reads as all ones and ignores writes. */
uint64_t device_read(struct device *device, uint64_t offset, uint32_t size);
void device_write(struct device *device, uint64_t offset, uint32_t size, uint64_t value);

/* Performs a command; true where it wants `response` sent. */
static inline bool device_handle(struct device *device, const struct command *command, struct response *response)
{
  const uint32_t size = 1u << (command->size_and_response & SIZE_EXPONENT_MASK);
  if (command->cmd == COMMAND_WRITE) {
    device_write(device, command->offset, size, command->data);
    response->data = 0;
  } else {
    response->data = device_read(device, command->offset, size);
  }
  return command->size_and_response & RESPONSE_WANTED;
}

#endif
