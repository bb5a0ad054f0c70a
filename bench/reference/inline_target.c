/* exit-inline: the thread that makes the access performs it. */
#include <string.h>

#include "target.h"

struct inline_target {
  struct target target;
  struct device device;
};

static void inline_access(struct target *target, const struct access *access)
{
  struct device *device = &((struct inline_target *)target)->device;
  uint64_t value = 0;
  if (access->write) {
    memcpy(&value, access->data, access->size);
    device_write(device, access->offset, access->size, value);
  } else {
    value = device_read(device, access->offset, access->size);
    memcpy(access->data, &value, access->size);
  }
}

static void inline_settle(struct target *target)
{
  (void)target;
}

static void inline_counters(struct target *target, struct device *counters)
{
  *counters = ((struct inline_target *)target)->device;
}

static void inline_close(struct target *target)
{
  (void)target;
}

struct target *inline_target_open(void)
{
  static struct inline_target inline_target = {
    .target = { inline_access, inline_settle, inline_counters, inline_close, true },
  };
  return &inline_target.target;
}
