#include "file_call.h"

#include <fcntl.h>
#include <math.h>

#define MAX_SAFE_INTEGER 9007199254740991.0

static bool to_bytes(double value, uint64_t *out) {
  if (!(value >= 0 && value <= MAX_SAFE_INTEGER) || floor(value) != value) return false;
  *out = (uint64_t)value;
  return true;
}

int file_call_translate(const struct file_request *request, const struct segment *segments,
                        const struct mapping_table *table, struct iovec *vectors, uint32_t capacity,
                        struct file_call *call) {
  const volatile struct file_request *shared = request;
  uint32_t op = shared->op, count = shared->segment_count;
  *call = (struct file_call){.op = op, .flags = shared->flags, .vectors = vectors, .vector_count = count};
  if (op > FILE_ZERO_RANGE || !to_bytes(shared->position, &call->position) || !to_bytes(shared->length, &call->length))
    return EINVAL;
  if (op > FILE_WRITE) return 0;
  return count == 0 || count > capacity ? EINVAL : mapping_table_translate(table, segments, count, vectors);
}

int file_call_fallocate_mode(enum file_op op) {
  return FALLOC_FL_KEEP_SIZE | (op == FILE_PUNCH_HOLE ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}
