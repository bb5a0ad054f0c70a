/* The regions of a dispatcher, sorted per address space, with the errors of KVM_SET_IOREGION (RFC v3). */
#ifndef IOREGION_REGION_TABLE_H
#define IOREGION_REGION_TABLE_H

#include "channel.h"

#include <pthread.h>

enum { REGION_PIO = 1, REGION_POSTED_WRITES = 2, REGION_FLAGS = 3 };
enum space { SPACE_MMIO, SPACE_PIO, SPACES };
enum policy { POLICY_ALL_ONES, POLICY_STOP, POLICY_RETRY, POLICIES };

struct region_stats {
  _Atomic uint64_t reads, writes, posted, failures, ended;
};

struct region {
  _Atomic uint32_t references;
  _Atomic bool removed;
  uint32_t id, flags, deadline_ms;
  enum policy policy;
  bool trusted; /* the peer is a region server of this process: what it answers belongs to the last command */
  uint64_t gpa, size, user_data; /* size 0: exact address, any width, writes only */
  struct channel *channel;
  struct region_stats stats;
};

struct region_list {
  struct region **items;
  size_t count, capacity;
};

struct region_table {
  pthread_rwlock_t lock;
  struct region_list spaces[SPACES];
  uint32_t last_id;
};

/* The limit of the kernel's bus (NR_IOBUS_DEVS). */
#define REGIONS_PER_SPACE 1000

static inline enum space region_space(uint32_t flags) { return flags & REGION_PIO ? SPACE_PIO : SPACE_MMIO; }

/* Of the region's own space: it takes the access whole. */
static inline bool region_takes(const struct region *region, bool write, uint64_t address, uint32_t size) {
  if (RARELY(region->size == 0)) return write && address == region->gpa;
  if (RARELY(size == 0 || size > 8 || (size & (size - 1)) != 0)) return false;
  uint64_t offset = address - region->gpa;
  return offset < region->size && size <= region->size - offset;
}

void region_table_init(struct region_table *table);
void region_table_destroy(struct region_table *table);
/* EINVAL for unknown flags, a range that wraps, or size 0 without POSTED_WRITES. */
int region_check(uint64_t gpa, uint64_t size, uint32_t flags);
/* Takes over the region (one reference) and gives it an id: EEXIST, ENOSPC, ENOMEM. */
int region_table_add(struct region_table *table, struct region *region);
/* Takes the region out and hands its reference over; NULL where none matches exactly. */
struct region *region_table_remove(struct region_table *table, uint64_t gpa, uint64_t size, uint32_t flags);
/* The region that takes the access whole, with a reference, or NULL. */
struct region *region_table_lookup(struct region_table *table, enum space space, bool write, uint64_t address, uint32_t size);
struct region *region_table_find(struct region_table *table, uint32_t id);
void region_put(struct region *region);

#endif
