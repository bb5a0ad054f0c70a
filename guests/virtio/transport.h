/* The virtio registers of a function: modern where nothing else is said (virtio 4.1.4.3), legacy in transport_legacy.c. */
#ifndef GUEST_VIRTIO_TRANSPORT_H
#define GUEST_VIRTIO_TRANSPORT_H

#include <stdint.h>

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER 2
#define STATUS_DRIVER_OK 4
#define STATUS_FEATURES_OK 8

#define FEATURE_BLK_FLUSH (1u << 9)
/* Of the second word: bits 32 and 34. */
#define FEATURE_VERSION_1 (1u << 0)
#define FEATURE_RING_PACKED (1u << 2)

struct queue;

/* From reset to features that both sides have, and the capacity. Each returns 0 where it fails. */
int modern_negotiate(void);
int modern_add_queue(struct queue *queue);
int modern_start(void);
int modern_reset(void);

int legacy_negotiate(void);
int legacy_add_queue(struct queue *queue);
int legacy_start(void);
int legacy_reset(void);

#endif
