/*
 * Requests on one file, in slots that JavaScript fills in a shared area and hands over many at a time: one call
 * submits them and tells which have completed.
 *
 *   free --submit--> done (a plain system call, or io_uring had the answer at once)
 *        --submit--> in flight --a later submit--> done
 *
 * While anything is in flight all attached mappings are pinned. Used by the thread that opened it.
 */
#ifndef IOREGION_FILE_IO_H
#define IOREGION_FILE_IO_H

#include "file_call.h"
#include "uring.h"

/* What JavaScript sees; laid out in src/native/file-request.ts. */
struct file_io_area {
  struct file_request *requests; /* one for each slot */
  uint32_t *submitted;           /* slots to submit, in order */
  uint32_t *completed;           /* slots done, in order */
  struct segment *segments; /* segments_per_slot for each slot */
};

struct file_io {
  _Atomic uint32_t holders; /* objects, functions and the area's buffer: the last one frees the memory */
  uint32_t users;           /* objects and functions: the last one closes */
  int fd;                   /* -1: closed */
  uint32_t slots, segments_per_slot;
  void *memory; /* the area */
  size_t memory_length;
  struct file_io_area area;
  struct iovec *vectors;   /* segments_per_slot for each slot */
  struct mapping_table mappings;
  bool uses_ring;
  struct uring ring;
  bool *busy; /* by slot: submitted, not completed */
  uint32_t *accepted; /* `submitted`, copied and checked */
  uint32_t in_flight; /* in the ring */
  uint32_t completions; /* listed in `completed` so far */
};

/* Memory and descriptors for a file; the fd is duplicated. Returns 0 or an errno, with nothing held. */
int file_io_init(struct file_io *io, int fd, uint32_t slots, uint32_t segments_per_slot, bool uses_ring);
/* Cancels or waits for what is in flight, then closes the file and lets go of the mappings. Idempotent. */
void file_io_close(struct file_io *io);
void file_io_drop(struct file_io *io);

/*
 * Submits the first `count` slots of `submitted` and collects completions: returns how many are listed in `completed`,
 * or -EINVAL where a slot does not exist, is listed twice or is busy (nothing is submitted then), or -EBADF.
 */
int32_t file_io_submit(struct file_io *io, uint32_t count);

/* The index by which segments name the mapping, or -ENOSPC or -ENOMEM. */
int32_t file_io_attach(struct file_io *io, struct mapping *mapping);
/* 0, ENOENT, or EBUSY while anything is in flight. */
int file_io_detach(struct file_io *io, uint32_t index);

#endif
