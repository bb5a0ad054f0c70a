/* Split rings (2.7). */
#include "chain.h"

/* avail_event is behind the ring; used_event likewise. */
static _Atomic uint16_t *available_event(struct queue *queue)
{
  return (_Atomic uint16_t *)&queue->used->ring[queue->size];
}

void split_arm(struct queue *queue)
{
  store(*available_event(queue), queue->next);
  queue->armed = queue->next;
  atomic_thread_fence(memory_order_seq_cst);
}

static uint16_t look_at_idx(const struct queue *queue)
{
  return atomic_load_explicit(&queue->available->idx, memory_order_acquire);
}

static bool split_look(struct queue *queue)
{
  if (!queue->running) return false;
  uint16_t idx = look_at_idx(queue);
  if (idx == queue->next && queue->event_idx && queue->armed != queue->next) {
    split_arm(queue);
    idx = look_at_idx(queue);
  }
  uint16_t ahead = idx - queue->next, outstanding = queue->next - queue->used_idx;
  if (ahead == 0) return false;
  if (ahead + outstanding > queue->size) return queue_fail(queue, "avail-index");
  queue->seen = idx;
  return true;
}

static bool enter_table(struct queue *queue, const struct table *from, struct table *table, uint64_t address,
                        uint32_t length, uint16_t flags)
{
  if (!queue->indirect) return queue_fail(queue, "indirect-feature");
  if (from != &queue->ring) return queue_fail(queue, "indirect-nested");
  if ((flags & DESC_NEXT) != 0) return queue_fail(queue, "indirect-next");
  return table_open(queue, table, address, length);
}

static bool read_chain(struct queue *queue, struct chain *chain, uint16_t head)
{
  struct table indirect;
  const struct table *from = &queue->ring;
  unsigned index = head;
  chain_begin(chain);
  for (unsigned left = queue->size; left > 0; left--) {
    const struct descriptor *descriptor = &from->entries[index];
    uint64_t address = load(descriptor->address);
    uint32_t length = load(descriptor->length);
    uint16_t flags = load(descriptor->flags), next = load(descriptor->next);
    if ((flags & DESC_INDIRECT) != 0) {
      if (!enter_table(queue, from, &indirect, address, length, flags)) return false;
      from = &indirect;
      index = 0;
      left++;
      continue;
    }
    if (!chain_add(queue, chain, address, length, (flags & DESC_WRITE) != 0)) return false;
    if ((flags & DESC_NEXT) == 0) return chain_end(queue, chain);
    if (next >= from->count) return queue_fail(queue, "next-range");
    index = next;
  }
  return queue_fail(queue, "chain-length");
}

struct chain *split_pop(struct queue *queue)
{
  if (queue->next == queue->seen && !split_look(queue)) return NULL;
  uint16_t head = load(queue->available->ring[queue->next & (queue->size - 1)]);
  if (head >= queue->size || queue->in_flight[head]) {
    queue_fail(queue, head >= queue->size ? "head-range" : "head-in-flight");
    return NULL;
  }
  struct chain *chain = queue->idle;
  if (!read_chain(queue, chain, head)) return NULL;
  queue->in_flight[head] = 1;
  queue->idle = chain->link;
  queue->next++;
  chain->head = head;
  chain->taken = true;
  return chain;
}

void split_use(struct queue *queue, struct chain *chain, uint32_t written)
{
  struct used_entry *entry = &queue->used->ring[queue->used_next & (queue->size - 1)];
  store(entry->id, chain->head);
  store(entry->length, written);
  queue->used_next++;
}

bool split_publish(struct queue *queue)
{
  uint16_t before = queue->used_idx;
  if (before == queue->used_next) return false;
  queue->used_idx = queue->used_next;
  atomic_store_explicit(&queue->used->idx, queue->used_idx, memory_order_release);
  atomic_thread_fence(memory_order_seq_cst);
  if (queue->event_idx) return passes_event(load(queue->available->ring[queue->size]), before, queue->used_idx);
  return (load(queue->available->flags) & 1) == 0;
}
