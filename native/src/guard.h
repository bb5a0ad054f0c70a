/*
 * Guarded memory: mappings of files that another process may make shorter. An access behind the end of the file, from any
 * thread, finds zeroes instead of ending this process, and an eventfd tells.
 */
#ifndef IOREGION_GUARD_H
#define IOREGION_GUARD_H

#include <stddef.h>

/* Guards a mapping from now on; `fd` is duplicated. Returns the number of the guard, or a negative errno. */
int guard_add(void *start, size_t length, int fd);
/* Before the memory is unmapped. */
void guard_remove(int guard);

#endif
