#include "vector_io.h"

#include <fcntl.h>
#include <unistd.h>

static ssize_t read_segments(int fd, const struct file_call *call) {
  off_t position = (off_t)call->position;
  if (call->vector_count == 1) return pread(fd, call->vectors[0].iov_base, call->vectors[0].iov_len, position);
  return preadv(fd, call->vectors, (int)call->vector_count, position);
}

static ssize_t write_segments(int fd, const struct file_call *call) {
  off_t position = (off_t)call->position;
  int count = (int)call->vector_count;
  if (call->flags & FILE_DURABLE) return pwritev2(fd, call->vectors, count, position, RWF_DSYNC);
  if (count == 1) return pwrite(fd, call->vectors[0].iov_base, call->vectors[0].iov_len, position);
  return pwritev(fd, call->vectors, count, position);
}

static ssize_t perform(int fd, const struct file_call *call) {
  switch (call->op) {
    case FILE_READ: return read_segments(fd, call);
    case FILE_WRITE: return write_segments(fd, call);
    case FILE_SYNC: return fdatasync(fd);
    default:
      return fallocate(fd, file_call_fallocate_mode(call->op), (off_t)call->position, (off_t)call->length);
  }
}

int32_t vector_io_perform(int fd, const struct file_call *call) {
  ssize_t moved;
  do
    moved = perform(fd, call);
  while (moved < 0 && errno == EINTR);
  return moved < 0 ? -errno : (int32_t)moved;
}

bool vector_io_can_try(int fd) {
  uint8_t byte;
  struct iovec vector = {&byte, sizeof byte};
  return preadv2(fd, &vector, 1, 0, RWF_NOWAIT) >= 0 || errno == EAGAIN;
}
