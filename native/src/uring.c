#include "uring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the kernel headers of some systems this is built on; an older kernel refuses them. */
#ifndef IORING_ASYNC_CANCEL_ANY
#define IORING_ASYNC_CANCEL_ALL (1U << 0)
#define IORING_ASYNC_CANCEL_ANY (1U << 2)
#endif

/* The cancellation itself completes too; callers never see that. */
#define CANCELLATION UINT64_MAX

/* Rings without these lose completions, or workers that run as somebody else: not worth a path of their own. */
#define REQUIRED_FEATURES \
  (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_NATIVE_WORKERS)

/*
 * No flags: with IORING_SETUP_DEFER_TASKRUN a completion by a kernel thread would wait for the next uring_enter, without
 * making the ring readable.
 */
static int setup(uint32_t entries, struct io_uring_params *params) {
  *params = (struct io_uring_params){0};
  return (int)syscall(SYS_io_uring_setup, entries, params);
}

static void *map(int fd, size_t length, off_t offset) {
  void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
  return address == MAP_FAILED ? NULL : address;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static int map_rings(struct uring *ring, const struct io_uring_params *params) {
  ring->rings_length = larger(params->sq_off.array + params->sq_entries * sizeof(uint32_t),
                              params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe));
  ring->entries_length = params->sq_entries * sizeof(struct io_uring_sqe);
  ring->rings = map(ring->fd, ring->rings_length, IORING_OFF_SQ_RING);
  ring->entries = map(ring->fd, ring->entries_length, IORING_OFF_SQES);
  return ring->rings == NULL || ring->entries == NULL ? errno : 0;
}

static void find_fields(struct uring *ring, const struct io_uring_params *params) {
  uint8_t *base = ring->rings;
  uint32_t *order = (uint32_t *)(base + params->sq_off.array);
  ring->submit_head = (_Atomic uint32_t *)(base + params->sq_off.head);
  ring->submit_tail = (_Atomic uint32_t *)(base + params->sq_off.tail);
  ring->complete_head = (_Atomic uint32_t *)(base + params->cq_off.head);
  ring->complete_tail = (_Atomic uint32_t *)(base + params->cq_off.tail);
  ring->completions = (const struct io_uring_cqe *)(base + params->cq_off.cqes);
  ring->submit_mask = params->sq_entries - 1;
  ring->complete_mask = params->cq_entries - 1;
  for (uint32_t i = 0; i < params->sq_entries; i++) order[i] = i;
}

int uring_open(struct uring *ring, uint32_t entries) {
  struct io_uring_params params;
  *ring = (struct uring){.fd = setup(entries, &params)};
  if (ring->fd < 0) return errno;
  int error = (params.features & REQUIRED_FEATURES) == REQUIRED_FEATURES ? map_rings(ring, &params) : ENOSYS;
  if (error != 0)
    uring_close(ring);
  else
    find_fields(ring, &params);
  return error;
}

void uring_close(struct uring *ring) {
  if (ring->rings != NULL) munmap(ring->rings, ring->rings_length);
  if (ring->entries != NULL) munmap(ring->entries, ring->entries_length);
  if (ring->fd >= 0) close(ring->fd);
  *ring = (struct uring){.fd = -1};
}

/* The kernel reads the tail within uring_enter only, on this thread: nothing here needs a fence. */
struct io_uring_sqe *uring_next(struct uring *ring) {
  uint32_t tail = atomic_load_explicit(ring->submit_tail, memory_order_relaxed);
  uint32_t head = atomic_load_explicit(ring->submit_head, memory_order_acquire);
  if (tail - head > ring->submit_mask) return NULL;
  struct io_uring_sqe *entry = &ring->entries[tail & ring->submit_mask];
  memset(entry, 0, sizeof *entry);
  atomic_store_explicit(ring->submit_tail, tail + 1, memory_order_release);
  return entry;
}

static uint32_t filled(const struct uring *ring) {
  return atomic_load_explicit(ring->submit_tail, memory_order_relaxed) -
         atomic_load_explicit(ring->submit_head, memory_order_acquire);
}

/* One call takes a part only where an entry was refused, which is a completion like any other: go on behind it. */
int uring_enter(struct uring *ring, uint32_t wait) {
  do {
    long taken = syscall(SYS_io_uring_enter, ring->fd, filled(ring), wait, IORING_ENTER_GETEVENTS, NULL, 0);
    if (taken < 0 && errno != EINTR) return errno;
    if (taken == 0 && filled(ring) != 0) return EAGAIN;
  } while (filled(ring) != 0);
  return 0;
}

bool uring_withdraw(struct uring *ring, uint64_t *user_data) {
  if (filled(ring) == 0) return false;
  uint32_t tail = atomic_load_explicit(ring->submit_tail, memory_order_relaxed) - 1;
  *user_data = ring->entries[tail & ring->submit_mask].user_data;
  atomic_store_explicit(ring->submit_tail, tail, memory_order_release);
  return true;
}

static bool take_any(struct uring *ring, struct io_uring_cqe *out) {
  uint32_t head = atomic_load_explicit(ring->complete_head, memory_order_relaxed);
  /* Pairs with the kernel's release of the tail: the completion is read after it. */
  if (head == atomic_load_explicit(ring->complete_tail, memory_order_acquire)) return false;
  *out = ring->completions[head & ring->complete_mask];
  atomic_store_explicit(ring->complete_head, head + 1, memory_order_release);
  return true;
}

bool uring_take(struct uring *ring, struct io_uring_cqe *out) {
  bool taken = take_any(ring, out);
  return taken && out->user_data == CANCELLATION ? take_any(ring, out) : taken;
}

/* Kernels before 5.19 refuse it, and finish everything instead. */
void uring_cancel_all(struct uring *ring) {
  struct io_uring_sqe *entry = uring_next(ring);
  if (entry == NULL) return;
  entry->opcode = IORING_OP_ASYNC_CANCEL;
  entry->fd = -1;
  entry->cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
  entry->user_data = CANCELLATION;
}
