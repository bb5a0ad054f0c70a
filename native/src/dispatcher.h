/* The userspace dispatcher: regions, channels and callers of one machine, used by all its threads. */
#ifndef IOREGION_DISPATCHER_H
#define IOREGION_DISPATCHER_H

#include "caller.h"
#include "watchdog.h"

struct dispatcher {
  struct shared shared;
  struct region_table regions;
  _Atomic uint32_t removals; /* of regions, so far */
  struct channel_list *channels;
  pthread_mutex_t lock; /* callers, and their `parked` */
  struct caller *callers;
  struct watchdog watchdog;
};

struct args;
struct dispatcher *arg_dispatcher(const struct args *args, size_t index);

#endif
