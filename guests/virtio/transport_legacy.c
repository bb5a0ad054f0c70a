/* The legacy interface in the ports of BAR 0 (virtio 4.1.4.10), without MSI-X. */
#include "pio.h"
#include "ring.h"
#include "state.h"
#include "transport.h"

#define DEVICE_FEATURES 0
#define DRIVER_FEATURES 4
#define QUEUE_ADDRESS 8
#define QUEUE_SIZE 12
#define QUEUE_SELECT 14
#define QUEUE_NOTIFY 16
#define DEVICE_STATUS 18
#define DEVICE_CONFIG 20
#define QUEUE_PAGE 4096

static uint16_t port(uint16_t offset)
{
  return STATE->windows.legacy + offset;
}

static void set_status(uint8_t status)
{
  pio_write8(port(DEVICE_STATUS), status);
}

int legacy_negotiate(void)
{
  set_status(0);
  set_status(STATUS_ACKNOWLEDGE);
  set_status(STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  uint32_t features = pio_read32(port(DEVICE_FEATURES)) & FEATURE_BLK_FLUSH;
  pio_write32(port(DRIVER_FEATURES), features);
  STATE->run->features[0] = features;
  STATE->run->capacity = pio_read32(port(DEVICE_CONFIG));
  return pio_read8(port(DEVICE_STATUS)) == (STATUS_ACKNOWLEDGE | STATUS_DRIVER);
}

/* The device says how long the ring is. */
int legacy_add_queue(struct queue *queue)
{
  pio_write16(port(QUEUE_SELECT), queue->index);
  uint16_t size = pio_read16(port(QUEUE_SIZE));
  if (size == 0 || size > 256 || pio_read32(port(QUEUE_ADDRESS)) != 0)
    return 0;
  lay_out_ring(queue, size);
  pio_write32(port(QUEUE_ADDRESS), (uint32_t)(queue->descriptors / QUEUE_PAGE));
  queue->doorbell = port(QUEUE_NOTIFY);
  return pio_read32(port(QUEUE_ADDRESS)) == queue->descriptors / QUEUE_PAGE;
}

int legacy_start(void)
{
  const uint8_t running = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK;
  set_status(running);
  return pio_read8(port(DEVICE_STATUS)) == running;
}

int legacy_reset(void)
{
  set_status(0);
  return pio_read8(port(DEVICE_STATUS)) == 0;
}
