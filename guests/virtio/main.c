/*
 * A driver for a virtio block device on the PCI bus: finds it, places its BARs, negotiates, writes blocks, flushes, reads
 * them back and compares, taking an interrupt for what completes. What the guest is to do, and what it found, is in
 * struct virtio_run.
 */
#include "interrupts.h"
#include "mmio.h"
#include "pci.h"
#include "ring.h"
#include "state.h"
#include "transport.h"

#define REQUEST_READ 0
#define REQUEST_WRITE 1
#define REQUEST_FLUSH 4
#define SECTOR 512
#define SECTORS (VIRTIO_REQUEST_BYTES / SECTOR)
/* In a buffer: struct virtio_blk_req's head, status, data. */
#define BUFFER_STATUS 16
#define BUFFER_DATA 1024
#define STATUS_PENDING 0xff

static uintptr_t buffer_of(const struct queue *queue, uint32_t slot)
{
  return VIRTIO_BUFFERS + (queue->index * VIRTIO_SLOTS + slot) * VIRTIO_BUFFER_SIZE;
}

/* What a request carries: different for each sector and seed; the host computes the same. */
static uint32_t pattern(uint32_t sector, uint32_t word)
{
  return (STATE->run->seed + sector) * 0x9e3779b1u + word * 0x85ebca6bu;
}

static void fill(uintptr_t data, uint32_t sector)
{
  for (uint32_t word = 0; word < VIRTIO_REQUEST_BYTES / 4; word++)
    mmio_write32(data + 4 * word, pattern(sector, word));
}

static void check(uintptr_t data, uint32_t sector)
{
  for (uint32_t word = 0; word < VIRTIO_REQUEST_BYTES / 4; word++)
    if (mmio_read32(data + 4 * word) != pattern(sector, word))
      STATE->run->mismatches++;
}

static void request(struct queue *queue, uint32_t slot, uint32_t type, uint32_t sector)
{
  uintptr_t buffer = buffer_of(queue, slot), data = buffer + BUFFER_DATA;
  uint32_t device_writes = type == REQUEST_READ;
  mmio_write32(buffer, type);
  mmio_write32(buffer + 4, 0);
  mmio_write64(buffer + 8, sector);
  mmio_write8(buffer + BUFFER_STATUS, STATUS_PENDING);
  struct piece pieces[MOST_PIECES];
  uint32_t count = 0;
  pieces[count++] = (struct piece){ buffer, 16, 0 };
  if (type != REQUEST_FLUSH) {
    pieces[count++] = (struct piece){ data, SECTOR, device_writes };
    pieces[count++] = (struct piece){ data + SECTOR, VIRTIO_REQUEST_BYTES - SECTOR, device_writes };
  }
  pieces[count++] = (struct piece){ buffer + BUFFER_STATUS, 1, 1 };
  submit(queue, slot, pieces, count);
}

/* Waits for `count` requests of the queue; 0 where one failed, or what was used is no request. */
static int wait_for(struct queue *queue, uint32_t count)
{
  while (count > 0) {
    int32_t slot = reap(queue);
    if (slot < 0) {
      if (has_flag(VIRTIO_FLAG_POLL))
        read_isr();
      else
        wait_for_interrupt();
      continue;
    }
    if (slot >= VIRTIO_SLOTS || mmio_read8(buffer_of(queue, (uint32_t)slot) + BUFFER_STATUS) != 0)
      return 0;
    count--;
  }
  return 1;
}

/* Requests `first` to `first + count - 1` through one queue: the n-th is at the n-th place on the disk. */
static int batch(struct queue *queue, uint32_t type, uint32_t first, uint32_t count)
{
  for (uint32_t slot = 0; slot < count; slot++) {
    uintptr_t data = buffer_of(queue, slot) + BUFFER_DATA;
    uint32_t sector = (first + slot) * SECTORS;
    if (type == REQUEST_WRITE)
      fill(data, sector);
    else
      mmio_write32(data, ~pattern(sector, 0));
    request(queue, slot, type, sector);
  }
  kick(queue);
  if (!wait_for(queue, count))
    return 0;
  for (uint32_t slot = 0; slot < count && type == REQUEST_READ; slot++)
    check(buffer_of(queue, slot) + BUFFER_DATA, (first + slot) * SECTORS);
  return 1;
}

/* All requests, the queues taking turns. */
static int transfer(uint32_t type, uint32_t *done)
{
  struct virtio_run *run = STATE->run;
  uint32_t turn = 0;
  for (uint32_t first = 0; first < run->requests; turn++) {
    uint32_t left = run->requests - first;
    uint32_t count = left < VIRTIO_SLOTS ? left : VIRTIO_SLOTS;
    if (!batch(&STATE->queues[turn & (run->queues - 1)], type, first, count))
      return 0;
    *done += count;
    first += count;
  }
  return 1;
}

static int write_blocks(void)
{
  return transfer(REQUEST_WRITE, &STATE->run->written);
}

static int flush(void)
{
  struct queue *queue = &STATE->queues[0];
  request(queue, 0, REQUEST_FLUSH, 0);
  kick(queue);
  return wait_for(queue, 1);
}

static int read_blocks(void)
{
  return transfer(REQUEST_READ, &STATE->run->read) && STATE->run->mismatches == 0;
}

static int negotiate(void)
{
  return has_flag(VIRTIO_FLAG_LEGACY) ? legacy_negotiate() : modern_negotiate();
}

static int add_queue(struct queue *queue)
{
  return has_flag(VIRTIO_FLAG_LEGACY) ? legacy_add_queue(queue) : modern_add_queue(queue);
}

static int start(void)
{
  enable_interrupts();
  for (uint32_t index = 0; index < STATE->run->queues; index++) {
    struct queue *queue = &STATE->queues[index];
    queue->index = (uint16_t)index;
    queue->packed = has_flag(VIRTIO_FLAG_PACKED);
    if (!add_queue(queue))
      return 0;
  }
  return has_flag(VIRTIO_FLAG_LEGACY) ? legacy_start() : modern_start();
}

static int reset(void)
{
  return has_flag(VIRTIO_FLAG_LEGACY) ? legacy_reset() : modern_reset();
}

static int step(uint32_t number, int (*perform)(void))
{
  STATE->run->step = number;
  return perform();
}

static void clear(uintptr_t address, uintptr_t end)
{
  for (; address < end; address += 4)
    mmio_write32(address, 0);
}

uint32_t guest_main(struct virtio_run *run)
{
  if (run->queues - 1 >= VIRTIO_MAX_QUEUES)
    return GUEST_STATUS_BAD_PARAMETER;
  clear((uintptr_t)run + VIRTIO_STEP, (uintptr_t)run + VIRTIO_SIZE);
  clear(VIRTIO_STATE, VIRTIO_STATE + sizeof(struct state));
  STATE->run = run;
  int done = step(VIRTIO_STEP_FIND, find_function) && step(VIRTIO_STEP_PLACE, place_bars) &&
             step(VIRTIO_STEP_WALK, walk_capabilities) && step(VIRTIO_STEP_NEGOTIATE, negotiate) &&
             step(VIRTIO_STEP_QUEUES, start) && step(VIRTIO_STEP_WRITE, write_blocks) &&
             step(VIRTIO_STEP_FLUSH, flush) && step(VIRTIO_STEP_READ, read_blocks) &&
             step(VIRTIO_STEP_RESET, reset);
  if (!done)
    return VIRTIO_STATUS_FAILED;
  run->step = VIRTIO_STEP_END;
  return GUEST_STATUS_OK;
}
