/* What an access is handed to: the seam between the drivers (KVM, loopback) and the paths. */
#ifndef REFERENCE_TARGET_H
#define REFERENCE_TARGET_H

#include "device.h"

struct access {
  bool write;
  uint32_t size;
  uint64_t offset;
  /* The `size` bytes written, or room for those read. */
  uint8_t *data;
};

struct target {
  void (*access)(struct target *target, const struct access *access);
  /* Returns when everything posted has been handled. */
  void (*settle)(struct target *target);
  /* After `settle`: what the device counted. */
  void (*counters)(struct target *target, struct device *counters);
  void (*close)(struct target *target);
  /* False where a write reaches the device without its value. */
  bool sees_values;
};

enum device_host { DEVICE_IN_THREAD, DEVICE_IN_PROCESS };

/* Each opens the only target of its kind; errors end the program. */
struct target *inline_target_open(void);
struct target *channel_target_open(enum device_host host, bool posted, int device_cpu);
/* Accesses never reach it: KVM signals its eventfd. */
struct target *eventfd_target_open(int device_cpu);
int eventfd_target_fd(const struct target *target);

#endif
