#include "memory_map.h"

const struct region *map_search(struct memory_map *map, uint64_t gpa)
{
  unsigned low = 0, high = map->count;
  while (low < high) {
    unsigned middle = (low + high) / 2;
    const struct region *region = &map->regions[middle];
    if (gpa < region->gpa) {
      high = middle;
    } else if (gpa - region->gpa < region->size) {
      map->recent = middle;
      return region;
    } else {
      low = middle + 1;
    }
  }
  return NULL;
}
