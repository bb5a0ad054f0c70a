#include "client_options.h"

#include <stdlib.h>
#include <string.h>

#include "affinity.h"
#include "die.h"

struct client_options client_options(int count, char **arguments)
{
  if (count != 8) die("usage: %s SOCKET read|write DEPTH BLOCKS MILLISECONDS SEED CPU", arguments[0]);
  struct client_options options = {.socket = arguments[1], .writes = strcmp(arguments[2], "write") == 0};
  options.depth = (unsigned)strtoul(arguments[3], NULL, 10);
  options.blocks = (uint32_t)strtoul(arguments[4], NULL, 10);
  options.duration_ns = strtoull(arguments[5], NULL, 10) * 1000000;
  options.seed = (uint32_t)strtoul(arguments[6], NULL, 10);
  if (options.depth == 0 || options.depth > MAX_DEPTH) die("depth must be 1 to %d", MAX_DEPTH);
  pin_to_cpu((int)strtoul(arguments[7], NULL, 10));
  return options;
}
