/* Arrays of integers from JavaScript. */
#ifndef IOREGION_INT_LIST_H
#define IOREGION_INT_LIST_H

#include "common.h"

/*
 * Copies an array of integers from 0 to `max`. Throws for more than `capacity` elements. Getters of the array may run
 * JavaScript: call this before arg_bytes, whose pointer a script could otherwise invalidate.
 */
bool arg_int_list(const struct args *args, size_t index, const char *name, int32_t max, int32_t *out, size_t capacity,
                  size_t *count);
/* A new JavaScript array; NULL with an exception pending. */
napi_value to_int_list(napi_env env, const int32_t *values, size_t count);

#endif
