/* Memory mappings that JavaScript sees as ArrayBuffers and KVM may use as guest memory. */
#ifndef IOREGION_MAPPING_H
#define IOREGION_MAPPING_H

#include "common.h"

/* Takes a Mapping argument; it is valid until control returns to JavaScript. */
struct mapping;
bool arg_mapping(const struct args *args, size_t index, const char *name, struct mapping **out);

/* The address of [offset, offset + length) or NULL where it is not wholly inside the mapping (or that is gone). */
void *mapping_range(const struct mapping *mapping, uint64_t offset, uint64_t length);

/* A pinned mapping is not unmapped, whoever asks. Each pin holds a reference; callable from any thread. */
void mapping_pin(struct mapping *mapping);
void mapping_unpin(struct mapping *mapping);

#endif
