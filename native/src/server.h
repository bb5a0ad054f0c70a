/*
 * The device side of one region fd. An exchange writes the last responses and waits for the next commands in one call
 * from JavaScript: two system calls per access, one per 64 posted writes.
 */
#ifndef IOREGION_SERVER_H
#define IOREGION_SERVER_H

#include "order_group.h"

#include <sys/socket.h>

#define MESSAGE_BYTES 32
#define BATCH 64

/* Results of an exchange besides a count; fixed by src/native/bindings/dispatch.ts. */
enum { EXCHANGE_EOF = 0, EXCHANGE_STOPPED = -1, EXCHANGE_MALFORMED = -2, EXCHANGE_ERROR = -3, EXCHANGE_NOTHING = -4,
       EXCHANGE_BLOCKED = -5, EXCHANGE_KICKED = -6, NO_RESULT = 1 };

enum server_file { FILE_STREAM, FILE_PACKETS, FILE_PIPE };

struct server_area {
  uint8_t commands[BATCH][MESSAGE_BYTES];
  uint8_t responses[BATCH][MESSAGE_BYTES];
  uint32_t response_count; /* in: for the next exchange */
  int32_t result;          /* out: of the last one */
};

struct server {
  struct shared shared;
  struct stop_target stop;
  int read_fd, write_fd;
  enum server_file reads, writes;
  struct server_area *area;
  uint8_t carry[MESSAGE_BYTES]; /* start of a message that a stream has not completed yet */
  uint32_t carried;
  int32_t pending_result; /* what the next exchange reports: found behind good messages. NO_RESULT: nothing */
  struct mmsghdr headers[BATCH]; /* set up once; the kernel writes msg_len only */
  struct iovec vectors[BATCH];
  bool batching;          /* the last batch was posted writes: take many at once */
  int error;
  uint32_t spin_ns, spin_failures;
  struct order_group *group; /* NULL: the device has one fd */
  int slot;
  uint64_t taken; /* bytes handed to JavaScript so far */
  uint32_t batch; /* commands of the last batch */
  size_t sent;    /* bytes of the responses that the file did not take whole */
  bool kicked;    /* what the next exchange reports, once it has sent its responses */
  struct order_barrier barrier;
};

/* With its first reference, and no files yet. NULL: no memory. */
struct server *server_create(uint32_t spin_ns);
/* Duplicates the files, and joins the group where there is one. An errno. */
int server_open_files(struct server *server, int read_fd, int write_fd, struct order_group *group);
/* Idempotent. */
void server_close_files(struct server *server);

/* The stop word was seen set. True: by a kick, which is remembered, and all can go on. False: the server is stopped. */
bool server_take_kick(struct server *server);

/* `responses` (at most BATCH) of the area go out; the number of commands that came, or one of EXCHANGE_*. */
int32_t server_exchange(struct server *server, uint32_t responses, bool wait);

/*
 * The commands before the read in the current batch are done; then the barrier over the siblings starts. The read
 * counts as done as well: it is no write that a sibling's read must wait for, and two reads would wait for each other.
 * False where there are no siblings.
 */
bool server_begin_barrier(struct server *server, uint32_t handled);

#endif
