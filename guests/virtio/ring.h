/* Virtqueues, split (virtio 2.7) and packed (2.8), in the driver's order and without optional features. */
#ifndef GUEST_VIRTIO_RING_H
#define GUEST_VIRTIO_RING_H

#include <stdint.h>

struct queue;

/* A piece of a request. */
struct piece {
  uintptr_t address;
  uint32_t length;
  uint32_t device_writes;
};

#define MOST_PIECES 4

/* Places the three areas in the queue's part of memory, all zeroes. */
void lay_out_ring(struct queue *queue, uint16_t size);
/* Makes a chain available for the request in `slot`. */
void submit(struct queue *queue, uint32_t slot, const struct piece *pieces, uint32_t count);
void kick(const struct queue *queue);
/* The slot of a request that has been used since, or -1. */
int32_t reap(struct queue *queue);

#endif
