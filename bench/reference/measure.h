/* One measurement: warm-up, timed batches, and the comparison of what was sent with what the device counted. */
#ifndef REFERENCE_MEASURE_H
#define REFERENCE_MEASURE_H

#include "driver.h"
#include "options.h"
#include "samples.h"

struct measurement {
  struct samples samples;
  /* From the first measured access until the device has handled the last one. */
  uint64_t elapsed_ns;
  uint32_t floor_ns;
  /* The whole run, warm-up included. */
  struct device counters;
};

/* Dies where an access was lost, repeated or changed. */
void measure(const struct options *options, struct driver *driver, struct target *target, struct measurement *result);

#endif
