#include "file_io.h"
#include "vector_io.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOWEST_DUPLICATE 3

static void *carve(uint8_t **at, size_t length) {
  void *part = *at;
  *at += length;
  return part;
}

static int allocate_area(struct file_io *io) {
  size_t slots = io->slots, segments = slots * io->segments_per_slot;
  size_t slot_length = sizeof(struct file_request) + 2 * sizeof(uint32_t);
  io->memory_length = slots * slot_length + segments * sizeof(struct segment);
  io->memory = calloc(1, io->memory_length);
  if (io->memory == NULL) return ENOMEM;
  uint8_t *at = io->memory;
  io->area.requests = carve(&at, slots * sizeof(struct file_request));
  io->area.submitted = carve(&at, slots * sizeof(uint32_t));
  io->area.completed = carve(&at, slots * sizeof(uint32_t));
  io->area.segments = carve(&at, segments * sizeof(struct segment));
  return 0;
}

static int allocate(struct file_io *io) {
  io->vectors = calloc((size_t)io->slots * io->segments_per_slot, sizeof *io->vectors);
  io->busy = calloc(io->slots, sizeof *io->busy);
  io->accepted = calloc(io->slots, sizeof *io->accepted);
  bool complete = io->vectors != NULL && io->busy != NULL && io->accepted != NULL;
  return complete && mapping_table_init(&io->mappings) == 0 ? allocate_area(io) : ENOMEM;
}

static void free_memory(struct file_io *io) {
  free(io->vectors);
  mapping_table_free(&io->mappings);
  free(io->busy);
  free(io->accepted);
  free(io->memory);
}

static int open_files(struct file_io *io, int fd) {
  io->fd = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_DUPLICATE);
  if (io->fd < 0) return errno;
  return io->uses_ring ? uring_open(&io->ring, io->slots) : 0;
}

int file_io_init(struct file_io *io, int fd, uint32_t slots, uint32_t segments_per_slot, bool uses_ring) {
  *io = (struct file_io){.holders = 1, .users = 1, .fd = -1, .uses_ring = uses_ring, .ring = {.fd = -1}};
  io->slots = slots;
  io->segments_per_slot = segments_per_slot;
  int error = allocate(io);
  if (error == 0) error = open_files(io, fd);
  if (error == 0) return 0;
  if (io->fd >= 0) close(io->fd);
  free_memory(io);
  return error;
}

void file_io_drop(struct file_io *io) {
  if (atomic_fetch_sub(&io->holders, 1) != 1) return;
  free_memory(io);
  free(io);
}

/* ---- mappings */

int32_t file_io_attach(struct file_io *io, struct mapping *mapping) {
  int32_t index = mapping_table_add(&io->mappings, mapping);
  if (index >= 0 && io->in_flight != 0) mapping_pin(mapping, false);
  return index;
}

int file_io_detach(struct file_io *io, uint32_t index) {
  if (mapping_table_get(&io->mappings, index) == NULL) return ENOENT;
  return io->in_flight != 0 ? EBUSY : mapping_table_remove(&io->mappings, index);
}

static void pin_all(struct file_io *io) {
  for (uint32_t i = 0; i < io->mappings.count; i++)
    if (io->mappings.entries[i] != NULL) mapping_pin(io->mappings.entries[i], false);
}

static void unpin_all(struct file_io *io) {
  for (uint32_t i = 0; i < io->mappings.count; i++)
    if (io->mappings.entries[i] != NULL) mapping_unpin(io->mappings.entries[i]);
}

/* ---- submitting */

/* Copies the list of slots and marks them busy; on a bad one everything is as before. */
static bool accept(struct file_io *io, uint32_t count) {
  const volatile uint32_t *submitted = io->area.submitted;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t slot = submitted[i];
    if (slot < io->slots && !io->busy[slot]) {
      io->accepted[i] = slot;
      io->busy[slot] = true;
      continue;
    }
    while (i-- > 0) io->busy[io->accepted[i]] = false;
    return false;
  }
  return true;
}

static void complete(struct file_io *io, uint32_t slot, int32_t result) {
  io->area.requests[slot].result = result;
  io->area.completed[io->completions++] = slot;
  io->busy[slot] = false;
}

static void land(struct file_io *io, uint32_t slot, int32_t result) {
  complete(io, slot, result);
  if (--io->in_flight == 0) unpin_all(io);
}

/* One segment goes as a plain read or write, which is the cheaper request. */
static void fill_transfer(struct io_uring_sqe *entry, const struct file_call *call) {
  const struct iovec *vectors = call->vectors;
  bool single = call->vector_count == 1, reads = call->op == FILE_READ;
  entry->opcode = single ? (reads ? IORING_OP_READ : IORING_OP_WRITE) : (reads ? IORING_OP_READV : IORING_OP_WRITEV);
  entry->addr = single ? (uintptr_t)vectors[0].iov_base : (uintptr_t)vectors;
  entry->len = single ? (uint32_t)vectors[0].iov_len : call->vector_count;
  if (!reads && (call->flags & FILE_DURABLE)) entry->rw_flags = RWF_DSYNC;
}

static void fill_entry(struct io_uring_sqe *entry, const struct file_call *call) {
  entry->off = call->position;
  if (call->op <= FILE_WRITE) {
    fill_transfer(entry, call);
  } else if (call->op == FILE_SYNC) {
    entry->opcode = IORING_OP_FSYNC;
    entry->fsync_flags = IORING_FSYNC_DATASYNC;
    entry->off = 0;
  } else {
    entry->opcode = IORING_OP_FALLOCATE;
    entry->addr = call->length;
    entry->len = (uint32_t)file_call_fallocate_mode(call->op);
  }
}

/* The ring has an entry for each slot, and a slot that is busy is not submitted again. */
static void launch(struct file_io *io, uint32_t slot, const struct file_call *call) {
  struct io_uring_sqe *entry = uring_next(&io->ring);
  if (entry == NULL) {
    complete(io, slot, -EAGAIN);
    return;
  }
  fill_entry(entry, call);
  entry->fd = io->fd;
  entry->user_data = slot;
  if (io->in_flight++ == 0) pin_all(io);
}

static void start(struct file_io *io, uint32_t slot) {
  size_t first = (size_t)slot * io->segments_per_slot;
  struct file_call call;
  int error = file_call_translate(&io->area.requests[slot], &io->area.segments[first], &io->mappings,
                                  &io->vectors[first], io->segments_per_slot, &call);
  if (error != 0)
    complete(io, slot, -error);
  else if (io->uses_ring)
    launch(io, slot, &call);
  else
    complete(io, slot, vector_io_perform(io->fd, &call));
}

static void collect(struct file_io *io) {
  struct io_uring_cqe completion;
  while (uring_take(&io->ring, &completion)) land(io, (uint32_t)completion.user_data, completion.res);
}

/* What the kernel refuses to take fails with its reason, and leaves nothing behind in the ring. */
static void enter(struct file_io *io) {
  uint64_t slot;
  int error = uring_enter(&io->ring, 0);
  while (error != 0 && uring_withdraw(&io->ring, &slot)) land(io, (uint32_t)slot, -error);
  collect(io);
}

int32_t file_io_submit(struct file_io *io, uint32_t count) {
  if (io->fd < 0) return -EBADF;
  if (count > io->slots || !accept(io, count)) return -EINVAL;
  io->completions = 0;
  for (uint32_t i = 0; i < count; i++) start(io, io->accepted[i]);
  if (io->in_flight != 0) enter(io);
  return (int32_t)io->completions;
}

/* ---- closing */

static void drain(struct file_io *io) {
  if (io->in_flight != 0) uring_cancel_all(&io->ring);
  while (io->in_flight != 0) {
    io->completions = 0;
    if (uring_enter(&io->ring, 1) != 0) sched_yield();
    collect(io);
  }
}

void file_io_close(struct file_io *io) {
  if (io->fd < 0) return;
  drain(io);
  uring_close(&io->ring);
  close(io->fd);
  io->fd = -1;
  mapping_table_clear(&io->mappings);
}
