#include "ring.h"

#include "mmio.h"
#include "pio.h"
#include "state.h"
#include "sync.h"

#define DESCRIPTOR_NEXT 1
#define DESCRIPTOR_WRITE 2
#define PACKED_AVAILABLE 0x80
#define PACKED_USED 0x8000
#define LEGACY_ALIGNMENT 4096

struct descriptor {
  uint64_t address;
  uint32_t length;
  /* Split: flags, next. Packed: buffer ID, flags. */
  uint16_t low;
  uint16_t high;
};

static struct descriptor *descriptors(const struct queue *queue)
{
  return (struct descriptor *)queue->descriptors;
}

static volatile uint16_t *word(uintptr_t address)
{
  return (volatile uint16_t *)address;
}

void lay_out_ring(struct queue *queue, uint16_t size)
{
  uintptr_t base = VIRTIO_RINGS + queue->index * VIRTIO_RING_SIZE;
  for (uintptr_t at = base; at < base + VIRTIO_RING_SIZE; at += 8)
    mmio_write64(at, 0);
  queue->size = size;
  queue->descriptors = base;
  queue->driver_area = base + sizeof(struct descriptor) * size;
  uintptr_t end = queue->driver_area + 6 + 2 * size;
  queue->device_area = (end + LEGACY_ALIGNMENT - 1) & ~(uintptr_t)(LEGACY_ALIGNMENT - 1);
  queue->next = queue->used = 0;
  queue->driver_wrap = queue->device_wrap = 1;
}

/* Slots have descriptors of their own, so none are ever looked for. */
static void submit_split(struct queue *queue, uint32_t slot, const struct piece *pieces, uint32_t count)
{
  uint32_t head = slot * MOST_PIECES;
  for (uint32_t index = 0; index < count; index++) {
    struct descriptor *descriptor = descriptors(queue) + head + index;
    descriptor->address = pieces[index].address;
    descriptor->length = pieces[index].length;
    descriptor->low = (pieces[index].device_writes ? DESCRIPTOR_WRITE : 0) | (index + 1 < count ? DESCRIPTOR_NEXT : 0);
    descriptor->high = (uint16_t)(head + index + 1);
  }
  uint16_t entry = queue->next & (queue->size - 1);
  *word(queue->driver_area + 4 + 2 * entry) = (uint16_t)head;
  queue->next++;
  fence();
  *word(queue->driver_area + 2) = queue->next;
}

static uint16_t advance(const struct queue *queue, uint16_t *position, uint16_t count, uint16_t *wrap)
{
  uint16_t before = *position;
  *position += count;
  if (*position >= queue->size) {
    *position -= queue->size;
    *wrap ^= 1;
  }
  return before;
}

static uint16_t packed_flags(uint16_t wrap)
{
  return wrap ? PACKED_AVAILABLE : PACKED_USED;
}

/* The first descriptor's flags are written last: they make the whole chain available (2.8.21). */
static void submit_packed(struct queue *queue, uint32_t slot, const struct piece *pieces, uint32_t count)
{
  struct descriptor *first = 0;
  uint16_t first_flags = 0;
  for (uint32_t index = 0; index < count; index++) {
    uint16_t flags = packed_flags(queue->driver_wrap) | (index + 1 < count ? DESCRIPTOR_NEXT : 0);
    struct descriptor *descriptor = descriptors(queue) + advance(queue, &queue->next, 1, &queue->driver_wrap);
    flags |= pieces[index].device_writes ? DESCRIPTOR_WRITE : 0;
    descriptor->address = pieces[index].address;
    descriptor->length = pieces[index].length;
    descriptor->low = (uint16_t)slot;
    if (first)
      descriptor->high = flags;
    else {
      first = descriptor;
      first_flags = flags;
    }
  }
  queue->lengths[slot] = (uint16_t)count;
  fence();
  *word((uintptr_t)&first->high) = first_flags;
}

void submit(struct queue *queue, uint32_t slot, const struct piece *pieces, uint32_t count)
{
  if (queue->packed)
    submit_packed(queue, slot, pieces, count);
  else
    submit_split(queue, slot, pieces, count);
}

void kick(const struct queue *queue)
{
  fence();
  if (has_flag(VIRTIO_FLAG_LEGACY))
    pio_write16((uint16_t)queue->doorbell, queue->index);
  else
    mmio_write16(queue->doorbell, queue->index);
}

static int32_t reap_split(struct queue *queue)
{
  if (*word(queue->device_area + 2) == queue->used)
    return -1;
  fence();
  uint16_t entry = queue->used & (queue->size - 1);
  uint32_t head = mmio_read32(queue->device_area + 4 + 8 * entry);
  queue->used++;
  return (int32_t)(head / MOST_PIECES);
}

static int32_t reap_packed(struct queue *queue)
{
  struct descriptor *descriptor = descriptors(queue) + queue->used;
  uint16_t flags = *word((uintptr_t)&descriptor->high);
  uint16_t expected = queue->device_wrap ? PACKED_AVAILABLE | PACKED_USED : 0;
  if ((flags & (PACKED_AVAILABLE | PACKED_USED)) != expected)
    return -1;
  fence();
  uint16_t slot = *word((uintptr_t)&descriptor->low);
  if (slot >= VIRTIO_SLOTS)
    return VIRTIO_SLOTS;
  advance(queue, &queue->used, queue->lengths[slot], &queue->device_wrap);
  return slot;
}

int32_t reap(struct queue *queue)
{
  return queue->packed ? reap_packed(queue) : reap_split(queue);
}
