/* The command line of mmio-reference. */
#ifndef REFERENCE_OPTIONS_H
#define REFERENCE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
  const char *path;
  /* "read" or "write". */
  const char *operation;
  bool write;
  /* Bytes of each access. */
  uint32_t size;
  /* Accesses to measure; 0: as many as fit in `seconds`. */
  uint64_t count;
  double seconds;
  /* Accesses before the measurement. */
  uint64_t warmup;
  /* Of the caller or vCPU, and of the device. */
  int cpu;
  int device_cpu;
  const char *guest;
  /* May be NULL. */
  const char *samples;
  bool self_check;
};

/* Dies with a message where the command line makes no sense. */
void options_parse(struct options *options, int count, char **arguments);

#endif
