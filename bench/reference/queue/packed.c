/* Packed rings (2.8). */
#include "chain.h"

#define WRAP 0x8000
#define STATE (DESC_AVAIL | DESC_USED)

/* The names of struct descriptor are those of split rings. */
#define packed_id flags
#define packed_flags next

static uint16_t position(const struct queue *queue)
{
  return queue->packed_next | (queue->available_state == DESC_AVAIL ? WRAP : 0);
}

void packed_arm(struct queue *queue)
{
  queue->armed = position(queue);
  store(*queue->device_event, (uint32_t)queue->armed | (uint32_t)EVENT_DESC << 16);
  atomic_thread_fence(memory_order_seq_cst);
}

/* The flags are read before the rest of the descriptor, and of all those behind it. */
static bool is_available(const struct queue *queue)
{
  const struct descriptor *descriptor = &queue->packed_ring[queue->packed_next];
  return (atomic_load_explicit(&descriptor->packed_flags, memory_order_acquire) & STATE) == queue->available_state;
}

static bool packed_look(struct queue *queue)
{
  if (!queue->running) return false;
  if (is_available(queue)) return true;
  if (!queue->event_idx || queue->armed == position(queue)) return false;
  packed_arm(queue);
  return is_available(queue);
}

static bool read_table(struct queue *queue, struct chain *chain, uint64_t address, uint32_t length)
{
  struct table table;
  if (!table_open(queue, &table, address, length)) return false;
  for (unsigned index = 0; index < table.count; index++) {
    const struct descriptor *descriptor = &table.entries[index];
    bool writable = (load(descriptor->packed_flags) & DESC_WRITE) != 0;
    if (!chain_add(queue, chain, load(descriptor->address), load(descriptor->length), writable)) return false;
  }
  return chain_end(queue, chain);
}

static bool enter_table(struct queue *queue, struct chain *chain, const struct descriptor *descriptor, uint16_t flags)
{
  if (!queue->indirect) return queue_fail(queue, "indirect-feature");
  if (chain->descriptors > 1 || (flags & DESC_NEXT) != 0) return queue_fail(queue, "indirect-next");
  return read_table(queue, chain, load(descriptor->address), load(descriptor->length));
}

static bool read_list(struct queue *queue, struct chain *chain)
{
  unsigned index = queue->packed_next, limit = queue->size - queue->in_use;
  uint16_t state = queue->available_state;
  chain_begin(chain);
  for (unsigned taken = 1; taken <= limit; taken++) {
    const struct descriptor *descriptor = &queue->packed_ring[index];
    uint16_t flags = load(descriptor->packed_flags);
    if ((flags & STATE) != state) return queue_fail(queue, "chain-incomplete");
    chain->descriptors = taken;
    if ((flags & (DESC_INDIRECT | DESC_NEXT)) != DESC_NEXT) chain->head = load(descriptor->packed_id);
    if ((flags & DESC_INDIRECT) != 0) return enter_table(queue, chain, descriptor, flags);
    bool writable = (flags & DESC_WRITE) != 0;
    if (!chain_add(queue, chain, load(descriptor->address), load(descriptor->length), writable)) return false;
    if ((flags & DESC_NEXT) == 0) return chain_end(queue, chain);
    if (++index == queue->size) {
      index = 0;
      state ^= STATE;
    }
  }
  return queue_fail(queue, limit == queue->size ? "chain-length" : "ring-overrun");
}

static void advance(struct queue *queue, unsigned descriptors)
{
  queue->in_use += descriptors;
  queue->packed_next += descriptors;
  if (queue->packed_next < queue->size) return;
  queue->packed_next -= queue->size;
  queue->available_state ^= STATE;
}

struct chain *packed_pop(struct queue *queue)
{
  if (!packed_look(queue)) return NULL;
  struct chain *chain = queue->idle;
  if (!read_list(queue, chain)) return NULL;
  if (queue->in_flight[chain->head]) {
    queue_fail(queue, "head-in-flight");
    return NULL;
  }
  queue->in_flight[chain->head] = 1;
  queue->idle = chain->link;
  chain->taken = true;
  advance(queue, chain->descriptors);
  return chain;
}

void packed_use(struct queue *queue, struct chain *chain, uint32_t written)
{
  struct descriptor *descriptor = &queue->packed_ring[queue->packed_used];
  uint16_t flags = queue->used_state | (written > 0 ? DESC_WRITE : 0);
  store(descriptor->length, written);
  store(descriptor->packed_id, chain->head);
  if (queue->first != NULL) {
    store(descriptor->packed_flags, flags);
  } else {
    queue->first = descriptor;
    queue->first_flags = flags;
  }
  queue->in_use -= chain->descriptors;
  queue->unpublished += chain->descriptors;
  queue->packed_used += chain->descriptors;
  if (queue->packed_used < queue->size) return;
  queue->packed_used -= queue->size;
  queue->used_state ^= STATE;
}

static bool wants_call(const struct queue *queue, uint32_t event, uint16_t moved)
{
  unsigned mode = event >> 16 & 3;
  if (mode == EVENT_DISABLE) return false;
  if (mode != EVENT_DESC || !queue->event_idx) return true;
  bool wrapped = (event & WRAP) != 0;
  unsigned lap = wrapped == (queue->used_state != 0) ? 0 : queue->size;
  return passes_event((event & 0x7fff) - lap, queue->packed_used - moved, queue->packed_used);
}

bool packed_publish(struct queue *queue)
{
  if (queue->first == NULL) return false;
  atomic_store_explicit(&queue->first->packed_flags, queue->first_flags, memory_order_release);
  queue->first = NULL;
  uint16_t moved = queue->unpublished;
  queue->unpublished = 0;
  atomic_thread_fence(memory_order_seq_cst);
  return wants_call(queue, load(*queue->driver_event), moved);
}
