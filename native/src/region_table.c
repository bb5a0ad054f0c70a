#include "region_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a sizeless region occupies in the overlap test, as in the kernel. */
#define SIZELESS_BYTES 8

void region_table_init(struct region_table *table) {
  memset(table, 0, sizeof *table);
  pthread_rwlock_init(&table->lock, NULL);
}

void region_table_destroy(struct region_table *table) {
  for (int s = 0; s < SPACES; s++) {
    for (size_t i = 0; i < table->spaces[s].count; i++) region_put(table->spaces[s].items[i]);
    free(table->spaces[s].items);
  }
  pthread_rwlock_destroy(&table->lock);
}

void region_put(struct region *region) {
  if (atomic_fetch_sub(&region->references, 1) != 1) return;
  channel_put(region->channel);
  free(region);
}

int region_check(uint64_t gpa, uint64_t size, uint32_t flags) {
  if (flags & ~(uint32_t)REGION_FLAGS) return EINVAL;
  if (gpa + size < gpa) return EINVAL;
  if (size == 0 && !(flags & REGION_POSTED_WRITES)) return EINVAL;
  return 0;
}

/* Last byte taken, which unlike the end cannot wrap. */
static uint64_t last_byte(uint64_t gpa, uint64_t size) {
  uint64_t length = size == 0 ? SIZELESS_BYTES : size;
  return gpa > UINT64_MAX - (length - 1) ? UINT64_MAX : gpa + (length - 1);
}

static bool overlaps(const struct region *a, const struct region *b) {
  return a->gpa <= last_byte(b->gpa, b->size) && b->gpa <= last_byte(a->gpa, a->size);
}

/* Index of the first region that starts above `address`. */
static size_t upper_bound(const struct region_list *list, uint64_t address) {
  size_t low = 0, high = list->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (list->items[middle]->gpa > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

static int reserve(struct region_list *list) {
  if (list->count >= REGIONS_PER_SPACE) return ENOSPC;
  if (list->count < list->capacity) return 0;
  size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
  struct region **items = realloc(list->items, capacity * sizeof *items);
  if (items == NULL) return ENOMEM;
  list->items = items;
  list->capacity = capacity;
  return 0;
}

static int insert_locked(struct region_list *list, struct region *region) {
  size_t at = upper_bound(list, region->gpa);
  if (at > 0 && overlaps(list->items[at - 1], region)) return EEXIST;
  if (at < list->count && overlaps(list->items[at], region)) return EEXIST;
  int error = reserve(list);
  if (error != 0) return error;
  memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof *list->items);
  list->items[at] = region;
  list->count++;
  return 0;
}

int region_table_add(struct region_table *table, struct region *region) {
  pthread_rwlock_wrlock(&table->lock);
  int error = insert_locked(&table->spaces[region_space(region->flags)], region);
  if (error == 0) region->id = ++table->last_id;
  pthread_rwlock_unlock(&table->lock);
  return error;
}

struct region *region_table_remove(struct region_table *table, uint64_t gpa, uint64_t size, uint32_t flags) {
  struct region_list *list = &table->spaces[region_space(flags)];
  struct region *found = NULL;
  pthread_rwlock_wrlock(&table->lock);
  size_t at = upper_bound(list, gpa);
  if (at > 0 && list->items[at - 1]->gpa == gpa && list->items[at - 1]->size == size) {
    found = list->items[at - 1];
    memmove(&list->items[at - 1], &list->items[at], (list->count - at) * sizeof *list->items);
    list->count--;
    atomic_store(&found->removed, true);
  }
  pthread_rwlock_unlock(&table->lock);
  return found;
}

struct region *region_table_lookup(struct region_table *table, enum space space, bool write, uint64_t address, uint32_t size) {
  struct region_list *list = &table->spaces[space];
  struct region *found = NULL;
  pthread_rwlock_rdlock(&table->lock);
  size_t at = upper_bound(list, address);
  if (at > 0 && region_takes(list->items[at - 1], write, address, size)) {
    found = list->items[at - 1];
    atomic_fetch_add_explicit(&found->references, 1, memory_order_relaxed);
  }
  pthread_rwlock_unlock(&table->lock);
  return found;
}

struct region *region_table_find(struct region_table *table, uint32_t id) {
  struct region *found = NULL;
  pthread_rwlock_rdlock(&table->lock);
  for (int s = 0; s < SPACES && found == NULL; s++)
    for (size_t i = 0; i < table->spaces[s].count && found == NULL; i++)
      if (table->spaces[s].items[i]->id == id) found = table->spaces[s].items[i];
  if (found != NULL) atomic_fetch_add(&found->references, 1);
  pthread_rwlock_unlock(&table->lock);
  return found;
}
