/* Memory mappings that JavaScript sees as ArrayBuffers and KVM may use as guest memory. */
#ifndef IOREGION_MAPPING_H
#define IOREGION_MAPPING_H

#include "common.h"

/* Takes a Mapping argument; it is valid until control returns to JavaScript. */
struct mapping;
bool arg_mapping(const struct args *args, size_t index, const char *name, struct mapping **out);

/* The address of [offset, offset + length) or NULL where it is not wholly inside the mapping (or that is gone). */
void *mapping_range(const struct mapping *mapping, uint64_t offset, uint64_t length);

/* Argument 1 is an offset in the mapping: the address of `length` bytes from there, or a RangeError. */
bool arg_mapping_range(const struct args *args, const struct mapping *mapping, uint64_t length, void **out);

/* Whether this process may read and write the bytes. */
bool mapping_is_accessible(const struct mapping *mapping);

/* A reference: the object stays valid, the bytes may go (mapping_range then finds nothing). Callable from any thread. */
void mapping_hold(struct mapping *mapping);
void mapping_drop(struct mapping *mapping);

/*
 * A pinned mapping is not unmapped, whoever asks. Each pin holds a reference; callable from any thread. `remembered`:
 * whoever got the address may use it after the pin is gone.
 */
void mapping_pin(struct mapping *mapping, bool remembered);
void mapping_unpin(struct mapping *mapping);

#endif
