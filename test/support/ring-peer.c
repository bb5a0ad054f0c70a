/*
 * A driver on another core, for tests of memory ordering: it makes chains available and waits until they have been used, in
 * memory shared with the device. Kicks and calls are counters there, so that both sides run into each other millions of
 * times; a side that waits for a counter in vain has lost a notification.
 *
 *     ring-peer split|packed EVENT_IDX SECONDS SEED CPU     (descriptor 3: the memory)
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { RING_SIZE = 8, CHAINS = RING_SIZE / 2, WORDS = 16, MEMORY_BYTES = 0x100000, PATIENCE_S = 20 };
enum { RING = 0, DRIVER_AREA = 0x1000, DEVICE_AREA = 0x2000, KICKS = 0x3000, CALLS = 0x3040, DONE = 0x3080, BUFFERS = 0x4000 };
enum { NEXT = 1, WRITE = 2, AVAIL = 1 << 7, USED = 1 << 15, WRAP = 1 << 15, EVENT_DESC = 2 };

struct descriptor {
  uint64_t address;
  uint32_t length;
  _Atomic uint16_t third, last; /* flags and next, or id and flags */
};

static uint8_t *memory;
static bool packed, event_idx;
static uint32_t sequence, random_state;
static uint32_t expected[CHAINS];
static unsigned busy; /* bit of each chain with the device */
static uint16_t available, kicked, taken; /* split: indices; packed: offsets */
static bool available_wrap = true, kicked_wrap = true, taken_wrap = true;

static void fail(const char *what)
{
  printf("%s after %u chains\n", what, sequence);
  exit(1);
}

static uint32_t random_number(void)
{
  random_state = random_state * 1664525u + 1013904223u;
  return random_state >> 8;
}

static double now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static _Atomic uint16_t *half(unsigned at) { return (_Atomic uint16_t *)(memory + at); }
static _Atomic uint32_t *word(unsigned at) { return (_Atomic uint32_t *)(memory + at); }
static struct descriptor *descriptor(unsigned index) { return (struct descriptor *)(memory + RING) + index; }
static uint32_t *buffer(unsigned chain, bool answer) { return (uint32_t *)(memory + BUFFERS) + (2 * chain + answer) * WORDS; }
static uint64_t address(unsigned chain, bool answer) { return BUFFERS + (uint64_t)(2 * chain + answer) * WORDS * 4; }
static void full_fence(void) { atomic_thread_fence(memory_order_seq_cst); }

static void fill(unsigned chain)
{
  expected[chain] = ~++sequence;
  for (unsigned i = 0; i < WORDS; i++) {
    buffer(chain, false)[i] = sequence;
    buffer(chain, true)[i] = 0;
  }
  busy |= 1u << chain;
}

static void put(unsigned index, unsigned chain, bool answer, unsigned third)
{
  descriptor(index)->address = address(chain, answer);
  descriptor(index)->length = WORDS * 4;
  atomic_store_explicit(&descriptor(index)->third, (uint16_t)third, memory_order_relaxed);
}

static void submit_split(unsigned chain)
{
  put(2 * chain, chain, false, NEXT);
  atomic_store_explicit(&descriptor(2 * chain)->last, (uint16_t)(2 * chain + 1), memory_order_relaxed);
  put(2 * chain + 1, chain, true, WRITE);
  *half(DRIVER_AREA + 4 + 2 * (available++ % RING_SIZE)) = (uint16_t)(2 * chain);
}

static uint16_t packed_flags(unsigned flags) { return (uint16_t)(flags | (available_wrap ? AVAIL : USED)); }

static void advance(uint16_t *offset, bool *wrap, unsigned by)
{
  *offset = (uint16_t)(*offset + by);
  if (*offset < RING_SIZE) return;
  *offset = (uint16_t)(*offset - RING_SIZE);
  *wrap = !*wrap;
}

/* The flags of the first descriptor are stored last. */
static void submit_packed(unsigned chain)
{
  unsigned first = available, second = available + 1;
  uint16_t flags = packed_flags(NEXT);
  put(first, chain, false, chain);
  put(second, chain, true, chain);
  atomic_store_explicit(&descriptor(second)->last, packed_flags(WRITE), memory_order_relaxed);
  atomic_store_explicit(&descriptor(first)->last, flags, memory_order_release);
  advance(&available, &available_wrap, 2);
}

static bool passes(uint16_t event, uint16_t before, uint16_t after)
{
  return (uint16_t)(after - event - 1) < (uint16_t)(after - before);
}

static bool split_wants_kick(void)
{
  if (!event_idx) return (*half(DEVICE_AREA) & 1) == 0;
  return passes(*half(DEVICE_AREA + 4 + 8 * RING_SIZE), kicked, available);
}

/* Positions on one line: those of the lap before `available`'s are lower. */
static bool packed_wants_kick(void)
{
  uint32_t event = *word(DEVICE_AREA);
  unsigned mode = event >> 16 & 3;
  if (mode != EVENT_DESC) return mode == 0;
  int offset = (int)(event & 0x7fff) - (((event & WRAP) != 0) != available_wrap ? RING_SIZE : 0);
  int before = kicked - (kicked_wrap != available_wrap ? RING_SIZE : 0);
  return passes((uint16_t)offset, (uint16_t)before, available);
}

static void publish(void)
{
  if (!packed) atomic_store_explicit(half(DRIVER_AREA + 2), available, memory_order_release);
  full_fence();
  if (packed ? packed_wants_kick() : split_wants_kick()) atomic_fetch_add(word(KICKS), 1);
  kicked = available;
  kicked_wrap = available_wrap;
}

static void finish(unsigned chain, uint32_t length)
{
  if (chain >= CHAINS || (busy & 1u << chain) == 0) fail("a chain was used twice, or is none");
  if (length != WORDS * 4) fail("a used length is wrong");
  for (unsigned i = 0; i < WORDS; i++)
    if (buffer(chain, true)[i] != expected[chain]) fail("an answer is stale or torn");
  busy &= ~(1u << chain);
}

static bool collect_split(void)
{
  uint16_t idx = atomic_load_explicit(half(DEVICE_AREA + 2), memory_order_acquire);
  bool any = idx != taken;
  for (; taken != idx; taken++) {
    unsigned at = DEVICE_AREA + 4 + 8 * (taken % RING_SIZE);
    finish(*word(at) / 2, *word(at + 4));
  }
  return any;
}

static bool collect_packed(void)
{
  bool any = false;
  for (;; any = true) {
    uint16_t flags = atomic_load_explicit(&descriptor(taken)->last, memory_order_acquire);
    if (((flags & AVAIL) != 0) != taken_wrap || ((flags & USED) != 0) != taken_wrap) return any;
    finish(atomic_load_explicit(&descriptor(taken)->third, memory_order_relaxed), descriptor(taken)->length);
    advance(&taken, &taken_wrap, 2);
  }
}

static bool collect(void) { return packed ? collect_packed() : collect_split(); }

/* Asks for a call at the next completion. */
static void arm(void)
{
  if (packed)
    atomic_store_explicit(word(DRIVER_AREA), event_idx ? (uint32_t)(taken | (taken_wrap ? WRAP : 0) | EVENT_DESC << 16) : 0,
                          memory_order_relaxed);
  else if (event_idx)
    atomic_store_explicit(half(DRIVER_AREA + 4 + 2 * RING_SIZE), taken, memory_order_relaxed);
  else
    atomic_store_explicit(half(DRIVER_AREA), 0, memory_order_relaxed);
  full_fence();
}

static void disarm(void)
{
  if (event_idx) return;
  if (packed)
    atomic_store_explicit(word(DRIVER_AREA), 1u << 16, memory_order_relaxed);
  else
    atomic_store_explicit(half(DRIVER_AREA), 1, memory_order_relaxed);
}

static void wait_for_call(void)
{
  uint32_t calls = *word(CALLS);
  arm();
  if (collect()) return;
  double deadline = 0;
  for (unsigned spins = 1; *word(CALLS) == calls; spins++) {
    if (spins % 4096 != 0) continue;
    if (deadline == 0) deadline = now() + PATIENCE_S;
    if (now() < deadline) continue;
    fail(collect() ? "a call was lost" : "a kick was lost");
  }
}

static void spin(unsigned count)
{
  for (volatile unsigned i = 0; i < count; i++) continue;
}

static void send_some(void)
{
  for (unsigned left = 1 + random_number() % CHAINS, chain = 0; left > 0 && chain < CHAINS; chain++) {
    if ((busy & 1u << chain) != 0) continue;
    fill(chain);
    if (packed)
      submit_packed(chain);
    else
      submit_split(chain);
    left--;
  }
}

static void pin_to_cpu(int cpu)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) exit(2);
}

int main(int count, char **arguments)
{
  if (count != 6) return 2;
  pin_to_cpu(atoi(arguments[5]));
  packed = strcmp(arguments[1], "packed") == 0;
  event_idx = strcmp(arguments[2], "1") == 0;
  random_state = (uint32_t)atoi(arguments[4]);
  memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
  if (memory == MAP_FAILED) return 2;
  for (double end = now() + atof(arguments[3]); now() < end;) {
    for (unsigned turn = 0; turn < 256; turn++) {
      send_some();
      publish();
      spin(random_number() % 1024);
      disarm();
      while (busy != 0)
        if (!collect()) wait_for_call();
      spin(random_number() % 64);
    }
  }
  atomic_store(word(DONE), 1);
  printf("%u\n", sequence);
  return 0;
}
