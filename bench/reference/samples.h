/* Latencies in ns, one for each measured access. */
#ifndef REFERENCE_SAMPLES_H
#define REFERENCE_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct samples {
  uint32_t *values;
  size_t count;
  size_t capacity;
};

/* Room for `count` more, to be filled by the caller, who then adds to `count`. */
uint32_t *samples_reserve(struct samples *samples, size_t count);

/* Raw little-endian 32-bit values. */
void samples_write(const struct samples *samples, const char *file);

/* Sorts the values. */
void samples_sort(struct samples *samples);

/* Of sorted values; 0 where there are none. */
uint32_t samples_quantile(const struct samples *samples, double quantile);

void samples_free(struct samples *samples);

#endif
