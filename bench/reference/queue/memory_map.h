/* Guest-physical addresses to pointers: regions sorted by address, and the one found last. */
#ifndef QUEUE_MEMORY_MAP_H
#define QUEUE_MEMORY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_REGIONS 8

struct region {
  uint64_t gpa, size;
  uint8_t *host;
  bool readonly;
};

struct memory_map {
  unsigned count, recent;
  struct region regions[MAX_REGIONS];
};

/* The region that holds `gpa`, or NULL. */
const struct region *map_search(struct memory_map *map, uint64_t gpa);

static inline const struct region *map_find(struct memory_map *map, uint64_t gpa)
{
  const struct region *recent = &map->regions[map->recent];
  return gpa - recent->gpa < recent->size ? recent : map_search(map, gpa);
}

static inline uint64_t map_left(const struct region *region, uint64_t gpa)
{
  return region->size - (gpa - region->gpa);
}

#endif
