/* Adding descriptors to a chain. */
#ifndef QUEUE_CHAIN_H
#define QUEUE_CHAIN_H

#include "queue.h"

#define load(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define store(field, value) atomic_store_explicit(&(field), value, memory_order_relaxed)

static inline void chain_begin(struct chain *chain)
{
  chain->count = chain->readable_count = 0;
  chain->readable_bytes = chain->writable_bytes = 0;
}

/* A range that lies in several regions, is empty, or is not memory at all. */
bool chain_add_pieces(struct queue *queue, struct chain *chain, uint64_t address, uint32_t length, bool writable);

static inline bool chain_add(struct queue *queue, struct chain *chain, uint64_t address, uint32_t length, bool writable)
{
  if (writable)
    chain->writable_bytes += length;
  else if (chain->count != chain->readable_count)
    return queue_fail(queue, "chain-order");
  else
    chain->readable_bytes += length;
  const struct region *region = map_find(queue->memory, address);
  if (region == NULL || length == 0 || length > map_left(region, address) || (writable && region->readonly) ||
      chain->count == MAX_SEGMENTS)
    return chain_add_pieces(queue, chain, address, length, writable);
  chain->segments[chain->count++] = (struct iovec){region->host + (address - region->gpa), length};
  if (!writable) chain->readable_count = chain->count;
  return true;
}

static inline bool chain_end(struct queue *queue, const struct chain *chain)
{
  return chain->readable_bytes + chain->writable_bytes < MAX_CHAIN_BYTES || queue_fail(queue, "chain-bytes");
}

/* Opens an indirect table; `length` in bytes. */
bool table_open(struct queue *queue, struct table *table, uint64_t address, uint32_t length);

#endif
