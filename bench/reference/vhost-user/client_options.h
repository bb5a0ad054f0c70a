/* The command line of a client of a disk: SOCKET read|write DEPTH BLOCKS MILLISECONDS SEED CPU. */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { MAX_DEPTH = 32 };

struct client_options {
  const char *socket;
  bool writes;
  /* Requests under way. */
  unsigned depth;
  uint32_t blocks, seed;
  uint64_t duration_ns;
};

/* Pins the process to the CPU. Ends it where the words are no options. */
struct client_options client_options(int count, char **arguments);

#endif
