/* The requests of a file_io as JavaScript writes them, and as system calls take them. */
#ifndef IOREGION_FILE_CALL_H
#define IOREGION_FILE_CALL_H

#include "mapping_table.h"

/* Fixed by src/native/file-request.ts. */
enum file_op { FILE_READ, FILE_WRITE, FILE_SYNC, FILE_PUNCH_HOLE, FILE_ZERO_RANGE };
enum file_flags { FILE_DURABLE = 1 };

/* One for each slot. */
struct file_request {
  uint32_t op, flags;
  double position, length; /* bytes; `length` for holes and zeroes only */
  uint32_t segment_count;
  int32_t result;
};
_Static_assert(sizeof(struct file_request) == 32, "laid out in src/native/file-request.ts");

/* A checked request. */
struct file_call {
  enum file_op op;
  uint32_t flags;
  uint64_t position, length;
  const struct iovec *vectors;
  uint32_t vector_count;
};

/* Fills `call`, and `vectors` for reads and writes, which has room for `capacity`. Returns 0, EINVAL or EFAULT. */
int file_call_translate(const struct file_request *request, const struct segment *segments,
                        const struct mapping_table *table, struct iovec *vectors, uint32_t capacity,
                        struct file_call *call);

/* The mode of fallocate(2) for an op that is one. */
int file_call_fallocate_mode(enum file_op op);

#endif
