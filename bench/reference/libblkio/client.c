/*
 * libblkio as the frontend: 4 KiB reads or writes of random blocks of a disk, a fixed number of them under way. It sleeps on
 * the queue's completion fd. The image has its number in every word of a block: reads are checked, and writes keep it so.
 */
#include <blkio.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client_options.h"
#include "clock.h"
#include "die.h"

enum { BLOCK_BYTES = 4096, BLOCK_WORDS = BLOCK_BYTES / 4 };

struct client {
  struct blkioq *queue;
  bool writes;
  uint32_t blocks, random;
  unsigned depth;
  uint8_t *memory;
  uint32_t wanted[MAX_DEPTH];
  uint64_t done;
};

static void must(int result, const char *what)
{
  if (result < 0) die("%s: %s", what, blkio_get_error_msg());
}

static struct blkio *open_disk(struct client *client, const char *path)
{
  struct blkio *disk;
  struct blkio_mem_region memory;
  must(blkio_create("virtio-blk-vhost-user", &disk), "create");
  must(blkio_set_str(disk, "path", path), "path");
  must(blkio_connect(disk), path);
  must(blkio_set_int(disk, "num-queues", 1), "num-queues");
  must(blkio_start(disk), "start");
  must(blkio_alloc_mem_region(disk, &memory, (size_t)MAX_DEPTH * BLOCK_BYTES), "memory");
  must(blkio_map_mem_region(disk, &memory), "memory");
  client->queue = blkio_get_queue(disk, 0);
  client->memory = memory.addr;
  return disk;
}

static uint32_t *data_of(const struct client *client, unsigned request)
{
  return (uint32_t *)(client->memory + (size_t)request * BLOCK_BYTES);
}

static void submit(struct client *client, unsigned request)
{
  client->random = client->random * 1664525u + 1013904223u;
  uint32_t block = (uint32_t)(((uint64_t)client->random * client->blocks) >> 32);
  uint32_t *data = data_of(client, request);
  uint64_t start = (uint64_t)block * BLOCK_BYTES;
  void *number = (void *)(uintptr_t)request;
  client->wanted[request] = block;
  if (client->writes) {
    for (unsigned i = 0; i < BLOCK_WORDS; i++) data[i] = block;
    blkioq_write(client->queue, start, data, BLOCK_BYTES, number, 0);
  } else
    blkioq_read(client->queue, start, data, BLOCK_BYTES, number, 0);
}

static void check(const struct client *client, unsigned request, int result)
{
  uint32_t wanted = client->wanted[request];
  const uint32_t *data = data_of(client, request);
  if (result != 0 || data[0] != wanted || data[BLOCK_WORDS - 1] != wanted)
    die("block %u: %s, words %u and %u", wanted, strerror(-result), data[0], data[BLOCK_WORDS - 1]);
}

/* Submits what has been prepared, waits for some of it, and prepares as many again where `more` is set. */
static unsigned collect(struct client *client, bool more)
{
  struct blkio_completion completions[MAX_DEPTH];
  int count = blkioq_do_io(client->queue, completions, 1, MAX_DEPTH, NULL);
  must(count, "I/O");
  for (int i = 0; i < count; i++) {
    unsigned request = (unsigned)(uintptr_t)completions[i].user_data;
    check(client, request, completions[i].ret);
    if (more) submit(client, request);
  }
  client->done += (unsigned)count;
  return (unsigned)count;
}

static uint64_t run(struct client *client, uint64_t duration)
{
  uint64_t start = monotonic_ns(), end = start + duration;
  for (unsigned request = 0; request < client->depth; request++) submit(client, request);
  while (monotonic_ns() < end) collect(client, true);
  uint64_t elapsed = monotonic_ns() - start, done = client->done;
  for (unsigned left = client->depth; left > 0;) left -= collect(client, false);
  client->done = done;
  return elapsed;
}

int main(int count, char **arguments)
{
  struct client_options options = client_options(count, arguments);
  struct client client = {
    .writes = options.writes, .depth = options.depth, .blocks = options.blocks, .random = options.seed};
  struct blkio *disk = open_disk(&client, options.socket);
  uint64_t elapsed = run(&client, options.duration_ns);
  printf("{\"requests\": %lu, \"elapsed_ns\": %lu}\n", (unsigned long)client.done, (unsigned long)elapsed);
  blkio_destroy(&disk);
  return 0;
}
