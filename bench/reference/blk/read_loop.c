/*
 * Random reads of a file in a plain loop: what the block device is compared with. Same I/O path, same blocks, same checks
 * of the data; no queue, no driver.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "affinity.h"
#include "clock.h"
#include "die.h"
#include "uring.h"

#define BLOCK_BYTES 4096
#define BLOCK_WORDS (BLOCK_BYTES / sizeof(uint32_t))
#define MAX_DEPTH 256

struct options {
  const char *path, *engine;
  unsigned depth, cpu, requests;
  uint32_t seed;
};

struct loop {
  int fd;
  uint32_t blocks, random;
  unsigned depth;
  uint32_t *buffers; /* a block for each request under way */
  uint32_t wanted[MAX_DEPTH];
  struct uring ring;
};

/* The generator of bench/blk/random-blocks.ts. */
static uint32_t next_block(struct loop *loop)
{
  loop->random = loop->random * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)loop->random * loop->blocks) >> 32);
}

static uint32_t *buffer_of(const struct loop *loop, unsigned slot)
{
  return loop->buffers + slot * BLOCK_WORDS;
}

/* The image has its number in every word of a block. */
static void check(const struct loop *loop, unsigned slot, long moved)
{
  const uint32_t *words = buffer_of(loop, slot), wanted = loop->wanted[slot];
  if (moved != BLOCK_BYTES || words[0] != wanted || words[BLOCK_WORDS - 1] != wanted)
    die("block %u: %ld bytes, words %u and %u", wanted, moved, words[0], words[BLOCK_WORDS - 1]);
}

static void read_batch(struct loop *loop)
{
  for (unsigned slot = 0; slot < loop->depth; slot++) {
    loop->wanted[slot] = next_block(loop);
    check(loop, slot, pread(loop->fd, buffer_of(loop, slot), BLOCK_BYTES, (off_t)loop->wanted[slot] * BLOCK_BYTES));
  }
}

static void prepare(struct loop *loop, unsigned slot)
{
  struct io_uring_sqe *entry = uring_next(&loop->ring);
  loop->wanted[slot] = next_block(loop);
  entry->opcode = IORING_OP_READ;
  entry->fd = loop->fd;
  entry->addr = (uintptr_t)buffer_of(loop, slot);
  entry->len = BLOCK_BYTES;
  entry->off = (uint64_t)loop->wanted[slot] * BLOCK_BYTES;
  entry->user_data = slot;
}

static void enter(struct loop *loop, uint32_t wait)
{
  errno = uring_enter(&loop->ring, wait);
  if (errno != 0) die_errno("io_uring_enter");
}

static void read_batch_by_ring(struct loop *loop)
{
  struct io_uring_cqe completion;
  for (unsigned slot = 0; slot < loop->depth; slot++) prepare(loop, slot);
  enter(loop, loop->depth);
  for (unsigned left = loop->depth; left > 0; left--) {
    while (!uring_take(&loop->ring, &completion)) enter(loop, 1);
    check(loop, (unsigned)completion.user_data, completion.res);
  }
}

static void parse(int count, char **arguments, struct options *options)
{
  if (count != 7) die("usage: read_loop PATH sync|uring DEPTH REQUESTS SEED CPU");
  *options = (struct options){.path = arguments[1], .engine = arguments[2]};
  options->depth = (unsigned)strtoul(arguments[3], NULL, 10);
  options->requests = (unsigned)strtoul(arguments[4], NULL, 10);
  options->seed = (uint32_t)strtoul(arguments[5], NULL, 10);
  options->cpu = (unsigned)strtoul(arguments[6], NULL, 10);
  if (options->depth == 0 || options->depth > MAX_DEPTH) die("depth must be 1 to %d", MAX_DEPTH);
}

static void open_loop(struct loop *loop, const struct options *options)
{
  *loop = (struct loop){.fd = open(options->path, O_RDWR), .random = options->seed, .depth = options->depth};
  if (loop->fd < 0) die_errno("%s", options->path);
  loop->blocks = (uint32_t)(lseek(loop->fd, 0, SEEK_END) / BLOCK_BYTES);
  size_t length = (size_t)options->depth * BLOCK_BYTES;
  loop->buffers = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (loop->buffers == MAP_FAILED) die_errno("mmap");
  if (strcmp(options->engine, "uring") != 0) return;
  errno = uring_open(&loop->ring, MAX_DEPTH);
  if (errno != 0) die_errno("io_uring_setup");
}

int main(int count, char **arguments)
{
  struct options options;
  struct loop loop;
  parse(count, arguments, &options);
  pin_to_cpu((int)options.cpu);
  open_loop(&loop, &options);
  void (*read_next)(struct loop *) = loop.ring.rings != NULL ? read_batch_by_ring : read_batch;
  unsigned done = 0;
  uint64_t start = monotonic_ns();
  for (; done < options.requests; done += options.depth) read_next(&loop);
  printf("{\"requests\": %u, \"elapsed_ns\": %lu}\n", done, (unsigned long)(monotonic_ns() - start));
  return 0;
}
