#include "measure.h"

#include "clock.h"
#include "die.h"

static uint32_t batch_size(uint64_t left)
{
  return left < BATCH_ACCESSES ? left : BATCH_ACCESSES;
}

/* The sum of the values written by a batch, each cut to `size` bytes. */
static uint64_t batch_sum(uint32_t count, uint32_t size)
{
  uint64_t sum = 0;
  for (uint32_t value = count; value > 0; value--)
    sum += size == 1 ? value & 0xff : value;
  return sum;
}

static void add_batch(const struct options *options, struct device *expected, uint32_t count)
{
  if (options->write) {
    expected->writes += count;
    expected->sum += batch_sum(count, options->size);
  } else {
    expected->reads += count;
  }
}

static void warm_up(const struct options *options, struct driver *driver, struct target *target,
                    struct device *expected)
{
  uint32_t unused[BATCH_ACCESSES];
  for (uint64_t left = options->warmup; left > 0; left -= batch_size(left)) {
    driver->batch(driver, target, batch_size(left), unused);
    add_batch(options, expected, batch_size(left));
  }
}

static void record_batch(const struct options *options, struct driver *driver, struct target *target,
                         struct samples *samples, struct device *expected)
{
  const uint32_t count = options->count > 0 ? batch_size(options->count - samples->count) : BATCH_ACCESSES;
  driver->batch(driver, target, count, samples_reserve(samples, count));
  samples->count += count;
  add_batch(options, expected, count);
}

static bool enough(const struct options *options, const struct samples *samples, uint64_t elapsed_ns)
{
  if (options->count > 0)
    return samples->count == options->count;
  return (double)elapsed_ns >= options->seconds * 1e9;
}

static void compare(const char *what, uint64_t counted, uint64_t expected)
{
  if (counted != expected)
    die("the device counted %lu %s, not %lu", counted, what, expected);
}

static void check_counters(const struct device *counted, const struct device *expected)
{
  compare("reads", counted->reads, expected->reads);
  compare("writes", counted->writes, expected->writes);
  compare("refused accesses", counted->refused, 0);
  compare("as the sum of values written", counted->sum, expected->sum);
}

void measure(const struct options *options, struct driver *driver, struct target *target, struct measurement *result)
{
  struct device expected = { 0 };
  *result = (struct measurement){ .floor_ns = driver->floor(driver) };
  warm_up(options, driver, target, &expected);
  const uint64_t start = monotonic_ns();
  do
    record_batch(options, driver, target, &result->samples, &expected);
  while (!enough(options, &result->samples, monotonic_ns() - start));
  target->settle(target);
  result->elapsed_ns = monotonic_ns() - start;
  target->counters(target, &result->counters);
  if (!target->sees_values)
    expected.sum = 0;
  check_counters(&result->counters, &expected);
}
