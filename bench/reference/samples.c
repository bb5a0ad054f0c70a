#include "samples.h"

#include <stdio.h>
#include <stdlib.h>

#include "die.h"

uint32_t *samples_reserve(struct samples *samples, size_t count)
{
  if (samples->count + count > samples->capacity) {
    samples->capacity = (samples->count + count) * 2;
    samples->values = realloc(samples->values, samples->capacity * sizeof(*samples->values));
    if (samples->values == NULL)
      die("no memory for %zu samples", samples->capacity);
  }
  return samples->values + samples->count;
}

void samples_write(const struct samples *samples, const char *file)
{
  FILE *stream = fopen(file, "wbe");
  if (stream == NULL)
    die_errno("%s", file);
  if (fwrite(samples->values, sizeof(*samples->values), samples->count, stream) != samples->count)
    die_errno("%s", file);
  if (fclose(stream) != 0)
    die_errno("%s", file);
}

static int compare(const void *a, const void *b)
{
  const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return (left > right) - (left < right);
}

void samples_sort(struct samples *samples)
{
  if (samples->count > 0)
    qsort(samples->values, samples->count, sizeof(*samples->values), compare);
}

uint32_t samples_quantile(const struct samples *samples, double quantile)
{
  return samples->count == 0 ? 0 : samples->values[(size_t)(quantile * (double)(samples->count - 1))];
}

void samples_free(struct samples *samples)
{
  free(samples->values);
  *samples = (struct samples){ 0 };
}
