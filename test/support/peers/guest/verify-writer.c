/*
 * Writes to a block device and knows what must be there: each process owns a range of blocks, keeps the generation of
 * each, and finds every write that was acknowledged in what it reads later. What is read stays where only the device
 * has written, and is looked at when its place is needed again: memory that loses it on the way shows, too. Ends, and reads all of it once more, when
 * the file STOP appears or its time is over.
 *
 *   verify-writer DEVICE FIRST_BLOCK BLOCKS PROCESSES SECONDS STOP [GENERATIONS]
 *
 * GENERATIONS keeps what is on the disk for a later run, which checks it before it goes on. Status 0: every read was right.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, WORDS = BLOCK / 8, MAX_RUN = 16, MAX_PROCESSES = 64, SYNC_EVERY = 64, HELD = 16 };

/* A block as it was read, and not looked at yet. */
struct held {
  uint64_t index;
  uint32_t generation; /* 0 = nothing */
};

struct writer {
  int fd;
  int number;
  uint64_t first;
  uint64_t blocks;
  uint32_t *generations; /* of each block; 0 = never written */
  uint64_t random;
  uint64_t writes, reads, syncs;
  uint64_t *buffer;
  struct held held[HELD];
  uint64_t *held_words;
};

static void fail(const struct writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

static void fail(const struct writer *writer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "writer %d, after %" PRIu64 " writes: ", writer->number, writer->writes);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  exit(1);
}

static uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

static uint64_t next_random(struct writer *writer) {
  writer->random += 0x9e3779b97f4a7c15u;
  return mix(writer->random);
}

/* Every word of a block depends on the block, its generation and the word's place: a torn or misplaced write shows. */
static uint64_t expected_word(uint64_t block, uint32_t generation, unsigned word) {
  if (word % 64 == 0) return block << 32 | generation; /* readable at the start of each sector */
  return mix(block * 0x100000001b3u + ((uint64_t)generation << 12) + word);
}

static void fill(uint64_t *words, uint64_t block, uint32_t generation) {
  for (unsigned word = 0; word < WORDS; word++) words[word] = expected_word(block, generation, word);
}

static void check_block(const struct writer *writer, const uint64_t *words, uint64_t index, uint32_t generation) {
  uint64_t block = writer->first + index;
  if (generation == 0) return;
  for (unsigned word = 0; word < WORDS; word++) {
    if (words[word] == expected_word(block, generation, word)) continue;
    unsigned start = word - word % 64;
    fail(writer, "block %" PRIu64 " byte %u: generation %" PRIu32 " was acknowledged, there is %" PRIx64 " (sector head %" PRIx64 ")",
         block, word * 8, generation, words[word], words[start]);
  }
}

static off_t offset_of(const struct writer *writer, uint64_t index) {
  return (off_t)((writer->first + index) * BLOCK);
}

static void read_run(struct writer *writer, uint64_t *words, uint64_t index, unsigned count) {
  ssize_t got = pread(writer->fd, words, (size_t)count * BLOCK, offset_of(writer, index));
  if (got != (ssize_t)count * BLOCK) fail(writer, "read of block %" PRIu64 ": %s", writer->first + index, strerror(errno));
  writer->reads++;
}

static void check_held(const struct writer *writer, uint64_t place) {
  const struct held *held = &writer->held[place];
  check_block(writer, writer->held_words + place * WORDS, held->index, held->generation);
}

static void read_and_hold(struct writer *writer, uint64_t index) {
  uint64_t place = writer->reads % HELD;
  check_held(writer, place);
  read_run(writer, writer->held_words + place * WORDS, index, 1);
  writer->held[place] = (struct held){.index = index, .generation = writer->generations[index]};
}

static void read_and_check(struct writer *writer, uint64_t index, unsigned count) {
  read_run(writer, writer->buffer, index, count);
  for (unsigned block = 0; block < count; block++)
    check_block(writer, writer->buffer + block * WORDS, index + block, writer->generations[index + block]);
}

static void write_run(struct writer *writer, uint64_t index, unsigned count) {
  for (unsigned block = 0; block < count; block++)
    fill(writer->buffer + block * WORDS, writer->first + index + block, writer->generations[index + block] + 1);
  ssize_t put = pwrite(writer->fd, writer->buffer, (size_t)count * BLOCK, offset_of(writer, index));
  if (put != (ssize_t)count * BLOCK) fail(writer, "write of block %" PRIu64 ": %s", writer->first + index, strerror(errno));
  for (unsigned block = 0; block < count; block++) writer->generations[index + block]++;
  writer->writes++;
}

static void one_round(struct writer *writer) {
  uint64_t index = next_random(writer) % writer->blocks;
  unsigned count = 1 + (unsigned)(next_random(writer) % MAX_RUN);
  if (count > writer->blocks - index) count = (unsigned)(writer->blocks - index);
  write_run(writer, index, count);
  read_and_hold(writer, next_random(writer) % writer->blocks);
  if (writer->writes % SYNC_EVERY == 0) {
    if (fdatasync(writer->fd) != 0) fail(writer, "fdatasync: %s", strerror(errno));
    writer->syncs++;
  }
}

static void check_all(struct writer *writer) {
  for (uint64_t place = 0; place < HELD; place++) check_held(writer, place);
  for (uint64_t index = 0; index < writer->blocks; index += MAX_RUN) {
    uint64_t left = writer->blocks - index;
    read_and_check(writer, index, left < MAX_RUN ? (unsigned)left : MAX_RUN);
  }
}

/* The generations of a writer: in memory, or in a file that the next run finds. */
static void load_generations(struct writer *writer, const char *path) {
  FILE *file = path == NULL ? NULL : fopen(path, "r");
  if (file == NULL) return;
  size_t read = fread(writer->generations, sizeof(uint32_t), writer->blocks, file);
  fclose(file);
  if (read != writer->blocks) fail(writer, "%s holds %zu generations", path, read);
  check_all(writer);
}

static void save_generations(const struct writer *writer, const char *path) {
  FILE *file = path == NULL ? NULL : fopen(path, "w");
  if (file == NULL) return;
  fwrite(writer->generations, sizeof(uint32_t), writer->blocks, file);
  fclose(file);
}

static void run_writer(struct writer *writer, const char *device, time_t deadline, const char *stop, const char *folder) {
  char path[256];
  snprintf(path, sizeof path, "%s.%d", folder == NULL ? "" : folder, writer->number);
  writer->fd = open(device, O_RDWR | O_DIRECT);
  if (writer->fd < 0) fail(writer, "open: %s", strerror(errno));
  writer->generations = calloc(writer->blocks, sizeof(uint32_t));
  if (writer->generations == NULL || posix_memalign((void **)&writer->buffer, BLOCK, MAX_RUN * BLOCK) != 0 ||
      posix_memalign((void **)&writer->held_words, BLOCK, HELD * BLOCK) != 0)
    fail(writer, "no memory");
  load_generations(writer, folder == NULL ? NULL : path);
  struct stat ignored;
  while (time(NULL) < deadline && stat(stop, &ignored) != 0) one_round(writer);
  if (fdatasync(writer->fd) != 0) fail(writer, "last fdatasync: %s", strerror(errno));
  check_all(writer);
  save_generations(writer, folder == NULL ? NULL : path);
  printf("# writer %d: %" PRIu64 " writes, %" PRIu64 " reads, %" PRIu64 " syncs\n", writer->number, writer->writes,
         writer->reads, writer->syncs);
  exit(0);
}

int main(int argc, char **argv) {
  if (argc < 7) return 2;
  uint64_t first = strtoull(argv[2], NULL, 10);
  uint64_t blocks = strtoull(argv[3], NULL, 10);
  int processes = atoi(argv[4]);
  time_t deadline = time(NULL) + atoi(argv[5]);
  if (processes < 1 || processes > MAX_PROCESSES || blocks < (uint64_t)processes) return 2;
  uint64_t share = blocks / (uint64_t)processes;
  for (int number = 0; number < processes; number++) {
    if (fork() != 0) continue;
    struct writer writer = {.number = number, .first = first + share * (uint64_t)number, .blocks = share};
    writer.random = (uint64_t)number << 32 ^ (uint64_t)time(NULL);
    run_writer(&writer, argv[1], deadline, argv[6], argc > 7 ? argv[7] : NULL);
  }
  int failed = 0, status;
  while (wait(&status) > 0) failed |= status != 0;
  return failed;
}
