/*
 * The device loop that the queue engine is compared with: takes chains, up to a batch of them, completes them in order, and
 * flushes; until there are none. Only that is timed, without what reading the clock takes. The result is the median of
 * all rounds, which a busy machine changes little.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "affinity.h"
#include "clock.h"
#include "die.h"
#include "driver.h"

enum { BATCH = 32, WARM_UP_ROUNDS = 200, CLOCK_SAMPLES = 1000 };

/* What the device saw, so that both languages can be asked whether they saw the same. */
static uint64_t seen;

static void count_call(void *context)
{
  ((struct driver *)context)->calls++;
}

static void finish(struct queue *queue, struct chain *chain)
{
  seen += chain->head + chain->readable_bytes + chain->writable_bytes + chain->count;
  queue_complete(queue, chain, (uint32_t)chain->writable_bytes);
}

static void serve(struct queue *queue)
{
  struct chain *batch[BATCH];
  for (;;) {
    unsigned count = 0;
    while (count < BATCH && (batch[count] = queue_pop(queue)) != NULL) count++;
    if (count == 0) return;
    for (unsigned i = 0; i < count; i++) finish(queue, batch[i]);
    queue_flush(queue);
  }
}

static uint64_t time_round(struct driver *driver, struct queue *queue)
{
  driver_fill(driver);
  uint64_t start = monotonic_ns();
  serve(queue);
  uint64_t elapsed = monotonic_ns() - start;
  if (queue->failure != NULL) die("the queue has failed: %s", queue->failure);
  driver_collect(driver);
  return elapsed;
}

static uint64_t clock_cost(void)
{
  uint64_t least = UINT64_MAX;
  for (unsigned i = 0; i < CLOCK_SAMPLES; i++) {
    uint64_t start = monotonic_ns(), elapsed = monotonic_ns() - start;
    if (elapsed < least) least = elapsed;
  }
  return least;
}

static unsigned parse(int count, char **arguments, struct driver *driver)
{
  if (count != 6) die("usage: queue_loop split|packed direct|indirect SEGMENTS ROUNDS CPU");
  driver->setup.packed = strcmp(arguments[1], "packed") == 0;
  driver->setup.indirect = strcmp(arguments[2], "indirect") == 0;
  driver->per_chain = (unsigned)strtoul(arguments[3], NULL, 10);
  if (driver->per_chain == 0 || driver->per_chain > 16) die("1 to 16 segments");
  pin_to_cpu((int)strtoul(arguments[5], NULL, 10));
  unsigned rounds = (unsigned)strtoul(arguments[4], NULL, 10);
  if (rounds == 0) die("no rounds");
  return rounds;
}

static int compare(const void *one, const void *other)
{
  uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
  return a < b ? -1 : a > b;
}

static uint64_t median_round(struct driver *driver, struct queue *queue, unsigned rounds)
{
  uint64_t *times = calloc(rounds, sizeof(*times));
  if (times == NULL) die("no memory");
  for (unsigned i = 0; i < rounds; i++) times[i] = time_round(driver, queue);
  qsort(times, rounds, sizeof(*times), compare);
  uint64_t median = times[rounds / 2];
  free(times);
  return median - clock_cost();
}

int main(int count, char **arguments)
{
  struct driver driver = {0};
  struct queue queue;
  unsigned rounds = parse(count, arguments, &driver);
  uint8_t *memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) die_errno("mmap");
  struct memory_map map = {.count = 1, .regions = {{0, MEMORY_BYTES, memory, false}}};
  driver_open(&driver, memory);
  queue_open(&queue, &driver.setup, &map);
  queue.call = count_call;
  queue.context = &driver;
  for (unsigned i = 0; i < WARM_UP_ROUNDS; i++) time_round(&driver, &queue);
  seen = driver.calls = 0;
  uint64_t median = median_round(&driver, &queue, rounds);
  printf("{\"chains\": %u, \"round_ns\": %lu, \"seen\": %lu, \"calls\": %u}\n", driver.chains, (unsigned long)median,
         (unsigned long)seen, driver.calls);
  return 0;
}
