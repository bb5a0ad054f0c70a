#include "mapping_table.h"

#include <stdlib.h>

/* More than the regions guest memory may have. */
#define MAX_MAPPINGS 1024

int mapping_table_init(struct mapping_table *table) {
  *table = (struct mapping_table){.entries = calloc(MAX_MAPPINGS, sizeof(struct mapping *))};
  return table->entries == NULL ? ENOMEM : 0;
}

void mapping_table_clear(struct mapping_table *table) {
  for (uint32_t i = 0; i < table->count; i++) mapping_table_remove(table, i);
  table->count = 0;
}

void mapping_table_free(struct mapping_table *table) { free(table->entries); }

int32_t mapping_table_add(struct mapping_table *table, struct mapping *mapping) {
  uint32_t index = 0;
  while (index < table->count && table->entries[index] != NULL) index++;
  if (index == MAX_MAPPINGS) return -ENOSPC;
  if (index == table->count) table->count++;
  table->entries[index] = mapping;
  mapping_hold(mapping);
  return (int32_t)index;
}

struct mapping *mapping_table_get(const struct mapping_table *table, uint32_t index) {
  return index < table->count ? table->entries[index] : NULL;
}

int mapping_table_remove(struct mapping_table *table, uint32_t index) {
  struct mapping *mapping = mapping_table_get(table, index);
  if (mapping == NULL) return ENOENT;
  mapping_drop(mapping);
  table->entries[index] = NULL;
  return 0;
}

static void *segment_address(const struct mapping_table *table, const struct segment *segment) {
  const struct mapping *mapping = mapping_table_get(table, segment->mapping);
  return mapping == NULL ? NULL : mapping_range(mapping, segment->offset, segment->length);
}

int mapping_table_translate(const struct mapping_table *table, const struct segment *segments, uint32_t count,
                            struct iovec *vectors) {
  for (uint32_t i = 0; i < count; i++) {
    const volatile struct segment *shared = &segments[i];
    const struct segment segment = {shared->mapping, shared->offset, shared->length};
    void *address = segment_address(table, &segment);
    if (address == NULL) return EFAULT;
    vectors[i] = (struct iovec){address, segment.length};
  }
  return 0;
}
