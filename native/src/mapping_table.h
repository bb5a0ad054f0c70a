/*
 * Pieces of memory as JavaScript names them: the number of an attached mapping, an offset and a length. Addresses never
 * come from JavaScript, and a segment is checked in a copy, because the list may change under us.
 */
#ifndef IOREGION_MAPPING_TABLE_H
#define IOREGION_MAPPING_TABLE_H

#include "mapping.h"

#include <sys/uio.h>

/* Laid out in src/native/file-request.ts and io-vector.ts. */
struct segment {
  uint32_t mapping, offset, length;
};
_Static_assert(sizeof(struct segment) == 12, "three words in TypeScript");

/* Mappings by number; each entry holds a reference. */
struct mapping_table {
  struct mapping **entries; /* NULL: free */
  uint32_t count;           /* entries ever used */
};

/* Returns 0 or ENOMEM. */
int mapping_table_init(struct mapping_table *table);
/* Lets go of all mappings; the table is as after mapping_table_init. */
void mapping_table_clear(struct mapping_table *table);
/* Frees the table itself, which must be clear. */
void mapping_table_free(struct mapping_table *table);

/* The number of the mapping from now on, or -ENOSPC. */
int32_t mapping_table_add(struct mapping_table *table, struct mapping *mapping);
/* NULL where nothing has the number. */
struct mapping *mapping_table_get(const struct mapping_table *table, uint32_t index);
/* 0 or ENOENT. */
int mapping_table_remove(struct mapping_table *table, uint32_t index);

/* Fills `vectors` from `count` segments. Returns 0, or EFAULT where one is not wholly inside a mapping that is there. */
int mapping_table_translate(const struct mapping_table *table, const struct segment *segments, uint32_t count,
                            struct iovec *vectors);

#endif
