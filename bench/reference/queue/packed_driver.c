#include "die.h"
#include "driver.h"

/* What a used descriptor has in its flags in the lap the device is in: both bits, or none. */
#define STATE (DESC_AVAIL | DESC_USED)

static struct descriptor *ring_of(const struct driver *driver)
{
  return (struct descriptor *)(driver->memory + DESCRIPTORS);
}

static unsigned descriptors_per_chain(const struct driver *driver)
{
  return driver->setup.indirect ? 1 : driver->per_chain;
}

static void write_next(struct driver *driver, uint64_t address, uint32_t length, uint16_t id, uint16_t flags)
{
  struct descriptor *descriptor = &ring_of(driver)[driver->available];
  descriptor->address = address;
  descriptor->length = length;
  descriptor->flags = id;
  descriptor->next = flags | driver->available_flags;
  if (++driver->available < QUEUE_SIZE) return;
  driver->available = 0;
  driver->available_flags ^= STATE;
}

static void write_chain(struct driver *driver, unsigned chain)
{
  if (driver->setup.indirect) {
    uint32_t length = driver->per_chain * sizeof(struct descriptor);
    write_next(driver, TABLES + (uint64_t)chain * TABLE_STRIDE, length, chain, DESC_INDIRECT);
    return;
  }
  for (unsigned i = 0; i < driver->per_chain; i++) {
    uint16_t next = i + 1 == driver->per_chain ? 0 : DESC_NEXT;
    write_next(driver, buffer_of(chain, i), length_of(driver, i), chain, write_flag(driver, i) | next);
  }
}

void packed_fill(struct driver *driver)
{
  event_suppression *event = (event_suppression *)(driver->memory + DRIVER_AREA);
  for (unsigned chain = 0; chain < driver->chains; chain++) {
    if (chain + 1 == driver->chains)
      *event = driver->available | (driver->available_flags == DESC_AVAIL ? 0x8000 : 0) | EVENT_DESC << 16;
    write_chain(driver, chain);
  }
}

void packed_collect(struct driver *driver)
{
  for (unsigned chain = 0; chain < driver->chains; chain++) {
    const struct descriptor *used = &ring_of(driver)[driver->used];
    if ((used->next & STATE) != driver->used_flags || used->flags != chain || used->length != writable_bytes(driver))
      die("chain %u: used id %u, length %u, flags %x", chain, used->flags, used->length, used->next);
    driver->used += descriptors_per_chain(driver);
    if (driver->used < QUEUE_SIZE) continue;
    driver->used -= QUEUE_SIZE;
    driver->used_flags ^= STATE;
  }
}
