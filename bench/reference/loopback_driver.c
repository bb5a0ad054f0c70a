/*
 * Accesses without KVM: the calling thread hands them to the target and reads the monotonic clock between them, so that a
 * sample holds one access and one reading.
 */
#include <string.h>

#include "clock.h"
#include "driver.h"
#include "samples.h"

struct loopback_driver {
  struct driver driver;
  bool write;
  uint32_t size;
};

static void write_batch(const struct loopback_driver *loopback, struct target *target, uint32_t count,
                        uint32_t *latencies)
{
  uint64_t value;
  const struct access access = {
    .write = true, .size = loopback->size, .offset = REGISTER_DATA, .data = (uint8_t *)&value
  };
  uint64_t before = monotonic_ns();
  for (value = count; value > 0; value--) {
    target->access(target, &access);
    const uint64_t after = monotonic_ns();
    *latencies++ = after - before;
    before = after;
  }
}

static void read_batch(const struct loopback_driver *loopback, struct target *target, uint32_t count,
                       uint32_t *latencies)
{
  uint64_t value = 0;
  uint32_t sum = 0;
  const struct access access = { .size = loopback->size, .offset = REGISTER_DATA, .data = (uint8_t *)&value };
  uint64_t before = monotonic_ns();
  for (uint32_t i = 0; i < count; i++) {
    target->access(target, &access);
    sum += value;
    const uint64_t after = monotonic_ns();
    latencies[i] = after - before;
    before = after;
  }
  check_read_sum(loopback->size, count, sum);
}

static void loopback_batch(struct driver *driver, struct target *target, uint32_t count, uint32_t *latencies)
{
  const struct loopback_driver *loopback = (struct loopback_driver *)driver;
  (loopback->write ? write_batch : read_batch)(loopback, target, count, latencies);
}

static uint32_t loopback_floor(struct driver *driver)
{
  (void)driver;
  uint32_t values[BATCH_ACCESSES];
  struct samples samples = { .values = values, .count = BATCH_ACCESSES };
  uint64_t before = monotonic_ns();
  for (uint32_t i = 0; i < BATCH_ACCESSES; i++) {
    const uint64_t after = monotonic_ns();
    values[i] = after - before;
    before = after;
  }
  samples_sort(&samples);
  return samples_quantile(&samples, 0.5);
}

static void loopback_close(struct driver *driver)
{
  (void)driver;
}

struct driver *loopback_driver_open(bool write, uint32_t size)
{
  static struct loopback_driver loopback;
  loopback = (struct loopback_driver){
    .driver = { loopback_batch, loopback_floor, loopback_close }, .write = write, .size = size
  };
  return &loopback.driver;
}
