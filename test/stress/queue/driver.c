/*
 * A driver in another process, which shares nothing with the device but the ring and two eventfds:
 *   driver split|packed EVENT_IDX(0|1) SIZE CHAINS DESCRIPTORS DRIVER_AREA DEVICE_AREA BUFFERS MEMORY_BYTES
 * Descriptor 3 is guest memory, 4 the kick, 5 the call. The device numbers its answers; one that is out of order, or a wait
 * that lasts ten seconds, ends it with status 1.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NEXT = 1, WRITE = 2, AVAIL = 1 << 7, USED = 1 << 15, NO_NOTIFY = 1, DISABLE = 1, DESC = 2 };
enum { MEMORY_FD = 3, KICK_FD = 4, CALL_FD = 5, WAIT_MS = 10000, BUFFER_BYTES = 64 };

struct descriptor {
  uint64_t address;
  uint32_t length;
  /* Split: flags, next. Packed: id, flags. */
  uint16_t first, second;
};

static bool packed, event_idx;
static uint32_t size;
static uint8_t *memory;
static uint64_t buffers;
static volatile struct descriptor *ring;
static volatile uint16_t *driver, *device;
/* Chains made available and taken back so far; for packed rings, one descriptor each. */
static uint32_t added, taken;

static void fail(const char *what) {
  fprintf(stderr, "%s after %u chains, %u in flight\n", what, taken, added - taken);
  exit(1);
}

static void fence(void) { atomic_thread_fence(memory_order_seq_cst); }

/* The wrap counter of a packed ring where a position of its own has come to. */
static bool wrapped(uint32_t position) { return (position / size) % 2 == 0; }

static uint16_t offset_of(uint32_t position) { return (uint16_t)(position % size | (wrapped(position) ? 1u << 15 : 0)); }

static void add_split(uint32_t slot) {
  ring[slot].address = buffers + slot * BUFFER_BYTES;
  ring[slot].length = 4;
  ring[slot].first = WRITE;
  driver[2 + added % size] = (uint16_t)slot;
  added++;
  atomic_thread_fence(memory_order_release);
  driver[1] = (uint16_t)added;
}

static void add_packed(uint32_t slot) {
  uint16_t state = wrapped(added) ? AVAIL : USED;
  ring[slot].address = buffers + slot * BUFFER_BYTES;
  ring[slot].length = 4;
  ring[slot].first = (uint16_t)slot;
  added++;
  atomic_thread_fence(memory_order_release);
  ring[slot].second = WRITE | state;
}

static bool wants_kick_packed(void) {
  uint32_t word = *(volatile uint32_t *)device;
  uint32_t mode = word >> 16 & 3;
  if (mode != DESC) return mode != DISABLE;
  return (uint16_t)word == offset_of(added - 1);
}

static bool wants_kick(void) {
  fence();
  if (packed) return wants_kick_packed();
  if (!event_idx) return (device[0] & NO_NOTIFY) == 0;
  return device[2 + 4 * size] == (uint16_t)(added - 1);
}

static bool take(void) {
  uint32_t slot = taken % size;
  if (packed) {
    uint16_t state = ring[slot].second & (AVAIL | USED);
    if (state != (wrapped(taken) ? AVAIL | USED : 0)) return false;
  } else if (device[1] == (uint16_t)taken) {
    return false;
  }
  atomic_thread_fence(memory_order_acquire);
  uint32_t answer;
  memcpy(&answer, memory + buffers + slot * BUFFER_BYTES, sizeof answer);
  if (answer != taken) fail("an answer was not there yet");
  taken++;
  return true;
}

/* Asks for a call at the next chain used, whatever the format. */
static void ask(void) {
  if (packed && event_idx) *(volatile uint32_t *)driver = (uint32_t)DESC << 16 | offset_of(taken);
  else if (event_idx) driver[2 + size] = (uint16_t)taken;
  fence();
}

static void wait_for_call(void) {
  struct pollfd call = {.fd = CALL_FD, .events = POLLIN};
  uint64_t count;
  if (poll(&call, 1, WAIT_MS) != 1) fail("a kick or a call was lost");
  if (read(CALL_FD, &count, sizeof count) != sizeof count) fail("the call cannot be read");
}

static void take_or_wait(void) {
  if (take()) return;
  ask();
  if (!take()) wait_for_call();
}

static void send_chain(void) {
  static const uint64_t one = 1;
  uint32_t slot = added % size;
  if (packed) add_packed(slot);
  else add_split(slot);
  if (wants_kick() && write(KICK_FD, &one, sizeof one) != sizeof one) fail("the kick cannot be written");
}

int main(int argc, char **argv) {
  if (argc != 10) return 2;
  packed = strcmp(argv[1], "packed") == 0;
  event_idx = atoi(argv[2]) != 0;
  size = (uint32_t)atol(argv[3]);
  uint32_t chains = (uint32_t)atol(argv[4]);
  memory = mmap(NULL, (size_t)atol(argv[9]), PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY_FD, 0);
  if (memory == MAP_FAILED) return 2;
  ring = (volatile struct descriptor *)(memory + atol(argv[5]));
  driver = (volatile uint16_t *)(memory + atol(argv[6]));
  device = (volatile uint16_t *)(memory + atol(argv[7]));
  buffers = (uint64_t)atol(argv[8]);
  uint32_t random = 1;
  while (added < chains) {
    send_chain();
    random = random * 1664525 + 1013904223;
    /* Now and then everything has to come back; else only where there is no room. */
    uint32_t most = random >> 30 == 0 ? 0 : size - 1;
    while (added - taken > most) take_or_wait();
  }
  while (taken < added) take_or_wait();
  return 0;
}
