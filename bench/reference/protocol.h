/* The ioregionfd wire protocol as of RFC v3: 32-byte commands and responses. */
#ifndef REFERENCE_PROTOCOL_H
#define REFERENCE_PROTOCOL_H

#include <stdint.h>

#define COMMAND_READ 0
#define COMMAND_WRITE 1
#define SIZE_EXPONENT_MASK 0x0f
#define RESPONSE_WANTED 0x10

struct command {
  uint8_t cmd;
  /* log2 of the size in bytes, and RESPONSE_WANTED. */
  uint8_t size_and_response;
  uint8_t padding[6];
  uint64_t user_data;
  uint64_t offset;
  uint64_t data;
};

struct response {
  uint64_t data;
  uint8_t padding[24];
};

_Static_assert(sizeof(struct command) == 32 && sizeof(struct response) == 32, "messages are 32 bytes");

#endif
