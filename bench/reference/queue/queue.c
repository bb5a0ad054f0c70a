#include "queue.h"

#include <stdlib.h>

#include "die.h"

#define IDS 65536

bool queue_fail(struct queue *queue, const char *rule)
{
  queue->running = false;
  queue->seen = queue->next;
  if (queue->failure == NULL) queue->failure = rule;
  return false;
}

struct chain *queue_pop(struct queue *queue)
{
  return queue->packed ? packed_pop(queue) : split_pop(queue);
}

void queue_complete(struct queue *queue, struct chain *chain, uint32_t written)
{
  if (!queue->running || !chain->taken) return;
  if (written > chain->writable_bytes) {
    queue_fail(queue, "completion");
    return;
  }
  if (queue->packed)
    packed_use(queue, chain, written);
  else
    split_use(queue, chain, written);
  queue->in_flight[chain->head] = 0;
  chain->taken = false;
  chain->link = queue->idle;
  queue->idle = chain;
}

void queue_flush(struct queue *queue)
{
  if (!queue->running) return;
  if (queue->packed ? packed_publish(queue) : split_publish(queue)) queue->call(queue->context);
}

static uint8_t *locate(struct memory_map *memory, uint64_t gpa, uint64_t length, uint64_t alignment)
{
  const struct region *region = map_find(memory, gpa);
  if (region == NULL || map_left(region, gpa) < length || gpa % alignment != 0) die("a part of the queue is not there");
  return region->host + (gpa - region->gpa);
}

static void make_chains(struct queue *queue)
{
  queue->chains = calloc(queue->size + 1u, sizeof(*queue->chains));
  queue->in_flight = calloc(IDS, 1);
  if (queue->chains == NULL || queue->in_flight == NULL) die("no memory");
  for (unsigned i = 0; i <= queue->size; i++) {
    queue->chains[i].link = queue->idle;
    queue->idle = &queue->chains[i];
  }
}

static void open_split(struct queue *queue, const struct queue_setup *setup)
{
  queue->available = (void *)locate(queue->memory, setup->driver_area, 6 + 2ul * setup->size, 2);
  queue->used = (void *)locate(queue->memory, setup->device_area, 6 + 8ul * setup->size, 4);
  if ((setup->size & (setup->size - 1)) != 0) die("size %u", setup->size);
  split_arm(queue);
}

static void open_packed(struct queue *queue, const struct queue_setup *setup)
{
  queue->driver_event = (void *)locate(queue->memory, setup->driver_area, 4, 4);
  queue->device_event = (void *)locate(queue->memory, setup->device_area, 4, 4);
  queue->available_state = DESC_AVAIL;
  queue->used_state = DESC_AVAIL | DESC_USED;
  packed_arm(queue);
}

void queue_open(struct queue *queue, const struct queue_setup *setup, struct memory_map *memory)
{
  *queue = (struct queue){
      .packed = setup->packed,
      .indirect = setup->indirect,
      .event_idx = setup->event_idx,
      .running = true,
      .size = setup->size,
      .memory = memory,
      .armed = -1,
  };
  queue->packed_ring = (void *)locate(memory, setup->descriptors, 16ul * setup->size, 16);
  queue->ring = (struct table){queue->packed_ring, setup->size};
  make_chains(queue);
  if (setup->packed)
    open_packed(queue, setup);
  else
    open_split(queue, setup);
}

void queue_close(struct queue *queue)
{
  free(queue->chains);
  free(queue->in_flight);
}
