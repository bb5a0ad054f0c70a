#include "interrupts.h"
#include "mmio.h"
#include "pci.h"
#include "ring.h"
#include "state.h"
#include "transport.h"

/* struct virtio_pci_common_cfg */
#define DEVICE_FEATURE_SELECT 0
#define DEVICE_FEATURE 4
#define DRIVER_FEATURE_SELECT 8
#define DRIVER_FEATURE 12
#define CONFIG_MSIX_VECTOR 16
#define NUM_QUEUES 18
#define DEVICE_STATUS 20
#define CONFIG_GENERATION 21
#define QUEUE_SELECT 22
#define QUEUE_SIZE 24
#define QUEUE_MSIX_VECTOR 26
#define QUEUE_ENABLE 28
#define QUEUE_NOTIFY_OFF 30
#define QUEUE_DESC 32
#define QUEUE_DRIVER 40
#define QUEUE_DEVICE 48

#define MSIX_ENABLE 0x8000
#define MSIX_ENTRY_SIZE 16
#define PATIENCE 100000

static uintptr_t common(uint32_t offset)
{
  return STATE->windows.common + offset;
}

static void set_status(uint8_t status)
{
  mmio_write8(common(DEVICE_STATUS), status);
}

static uint32_t device_features(uint32_t word)
{
  mmio_write32(common(DEVICE_FEATURE_SELECT), word);
  return mmio_read32(common(DEVICE_FEATURE));
}

static void accept_features(uint32_t word, uint32_t features)
{
  mmio_write32(common(DRIVER_FEATURE_SELECT), word);
  mmio_write32(common(DRIVER_FEATURE), features);
  STATE->run->features[word] = features;
}

/* Two reads that belong together have the same generation before and after (2.5.1). */
static uint32_t read_capacity(void)
{
  for (;;) {
    uint8_t before = mmio_read8(common(CONFIG_GENERATION));
    uint32_t low = mmio_read32(STATE->windows.device);
    uint32_t high = mmio_read32(STATE->windows.device + 4);
    if (mmio_read8(common(CONFIG_GENERATION)) == before)
      return high ? 0xffffffff : low;
  }
}

int modern_negotiate(void)
{
  uint32_t wanted = FEATURE_VERSION_1 | (has_flag(VIRTIO_FLAG_PACKED) ? FEATURE_RING_PACKED : 0);
  const uint8_t found = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
  set_status(0);
  set_status(STATUS_ACKNOWLEDGE);
  set_status(found);
  if ((device_features(1) & wanted) != wanted)
    return 0;
  accept_features(0, device_features(0) & FEATURE_BLK_FLUSH);
  accept_features(1, wanted);
  set_status(found | STATUS_FEATURES_OK);
  STATE->run->capacity = read_capacity();
  return mmio_read8(common(DEVICE_STATUS)) == (found | STATUS_FEATURES_OK);
}

static void write_address(uint32_t offset, uintptr_t address)
{
  mmio_write32(common(offset), (uint32_t)address);
  mmio_write32(common(offset + 4), (uint32_t)((uint64_t)address >> 32));
}

/* One vector per queue, after that of configuration changes. */
static int has_vector(uint32_t offset, uint16_t vector)
{
  mmio_write16(common(offset), vector);
  return mmio_read16(common(offset)) == vector;
}

int modern_add_queue(struct queue *queue)
{
  mmio_write16(common(QUEUE_SELECT), queue->index);
  uint16_t most = mmio_read16(common(QUEUE_SIZE));
  /* Packed rings need not be a power of two, so this one is not. */
  uint16_t size = queue->packed ? 13 : 16;
  if (queue->index >= mmio_read16(common(NUM_QUEUES)) || most < size)
    return 0;
  lay_out_ring(queue, size);
  mmio_write16(common(QUEUE_SIZE), size);
  write_address(QUEUE_DESC, queue->descriptors);
  write_address(QUEUE_DRIVER, queue->driver_area);
  write_address(QUEUE_DEVICE, queue->device_area);
  if (!has_flag(VIRTIO_FLAG_PIN) && !has_vector(QUEUE_MSIX_VECTOR, queue->index + 1))
    return 0;
  uint32_t offset = mmio_read16(common(QUEUE_NOTIFY_OFF)) * STATE->windows.notify_multiplier;
  queue->doorbell = STATE->windows.notify + offset;
  mmio_write16(common(QUEUE_ENABLE), 1);
  return mmio_read16(common(QUEUE_ENABLE)) == 1;
}

static void enable_msix(uint32_t vectors)
{
  for (uint32_t vector = 0; vector < vectors; vector++) {
    uintptr_t entry = STATE->windows.msix_table + vector * MSIX_ENTRY_SIZE;
    mmio_write32(entry, MESSAGE_ADDRESS);
    mmio_write32(entry + 4, 0);
    mmio_write32(entry + 8, INTERRUPT_BASE + vector);
    mmio_write32(entry + 12, 0);
  }
  uint32_t function = STATE->run->function, control = STATE->windows.msix_control;
  pci_write16(function, control, pci_read16(function, control) | MSIX_ENABLE);
}

int modern_start(void)
{
  if (!has_flag(VIRTIO_FLAG_PIN)) {
    enable_msix(1 + STATE->run->queues);
    if (!has_vector(CONFIG_MSIX_VECTOR, 0))
      return 0;
  }
  const uint8_t running = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
  set_status(running);
  return mmio_read8(common(DEVICE_STATUS)) == running;
}

int modern_reset(void)
{
  set_status(0);
  for (uint32_t left = PATIENCE; left > 0; left--)
    if (mmio_read8(common(DEVICE_STATUS)) == 0)
      return 1;
  return 0;
}
