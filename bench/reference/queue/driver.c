#include "driver.h"

/* Tables never change. In a packed ring their entries follow each other, in a split one they are linked. */
static void write_table(const struct driver *driver, unsigned chain)
{
  struct descriptor *table = (struct descriptor *)(driver->memory + TABLES + chain * TABLE_STRIDE);
  for (unsigned i = 0; i < driver->per_chain; i++) {
    bool last = i + 1 == driver->per_chain;
    uint16_t flags = write_flag(driver, i);
    table[i].address = buffer_of(chain, i);
    table[i].length = length_of(driver, i);
    table[i].flags = driver->setup.packed ? 0 : flags | (last ? 0 : DESC_NEXT);
    table[i].next = driver->setup.packed ? flags : last ? 0 : i + 1;
  }
}

void driver_open(struct driver *driver, uint8_t *memory)
{
  driver->memory = memory;
  driver->setup.event_idx = true;
  driver->setup.size = QUEUE_SIZE;
  driver->setup.descriptors = DESCRIPTORS;
  driver->setup.driver_area = DRIVER_AREA;
  driver->setup.device_area = DEVICE_AREA;
  driver->chains = driver->setup.indirect ? INDIRECT_CHAINS : QUEUE_SIZE / driver->per_chain;
  driver->available_flags = DESC_AVAIL;
  driver->used_flags = DESC_AVAIL | DESC_USED;
  if (!driver->setup.indirect) return;
  for (unsigned chain = 0; chain < driver->chains; chain++) write_table(driver, chain);
}

void driver_fill(struct driver *driver)
{
  if (driver->setup.packed)
    packed_fill(driver);
  else
    split_fill(driver);
}

void driver_collect(struct driver *driver)
{
  if (driver->setup.packed)
    packed_collect(driver);
  else
    split_collect(driver);
}
