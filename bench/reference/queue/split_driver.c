#include "die.h"
#include "driver.h"

static void write_chain(const struct driver *driver, struct descriptor *ring, unsigned chain)
{
  if (driver->setup.indirect) {
    ring[chain].address = TABLES + (uint64_t)chain * TABLE_STRIDE;
    ring[chain].length = driver->per_chain * sizeof(struct descriptor);
    ring[chain].flags = DESC_INDIRECT;
    return;
  }
  for (unsigned i = 0; i < driver->per_chain; i++) {
    unsigned index = chain * driver->per_chain + i;
    bool last = i + 1 == driver->per_chain;
    ring[index].address = buffer_of(chain, i);
    ring[index].length = length_of(driver, i);
    ring[index].flags = write_flag(driver, i) | (last ? 0 : DESC_NEXT);
    ring[index].next = last ? 0 : index + 1;
  }
}

static unsigned head_of(const struct driver *driver, unsigned chain)
{
  return driver->setup.indirect ? chain : chain * driver->per_chain;
}

void split_fill(struct driver *driver)
{
  struct descriptor *ring = (struct descriptor *)(driver->memory + DESCRIPTORS);
  struct available_ring *available = (struct available_ring *)(driver->memory + DRIVER_AREA);
  for (unsigned chain = 0; chain < driver->chains; chain++) {
    write_chain(driver, ring, chain);
    available->ring[driver->available++ % QUEUE_SIZE] = head_of(driver, chain);
  }
  available->ring[QUEUE_SIZE] = driver->available - 1;
  available->idx = driver->available;
}

void split_collect(struct driver *driver)
{
  const struct used_ring *used = (const struct used_ring *)(driver->memory + DEVICE_AREA);
  if (used->idx != driver->available) die("used index %u, not %u", used->idx, driver->available);
  for (unsigned chain = 0; chain < driver->chains; chain++) {
    const struct used_entry *entry = &used->ring[driver->used++ % QUEUE_SIZE];
    if (entry->id != head_of(driver, chain) || entry->length != writable_bytes(driver))
      die("chain %u: used id %u, length %u", chain, entry->id, entry->length);
  }
}
