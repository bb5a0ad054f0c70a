/*
 * Ends waits for a stuck peer. A timer per access would cost a system call each; a thread that looks at all callers
 * a few times per deadline costs the access two plain stores, and is late by a quarter of the deadline at most.
 */
#ifndef IOREGION_WATCHDOG_H
#define IOREGION_WATCHDOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct dispatcher;

struct watchdog {
  pthread_t thread;
  pthread_cond_t changed;
  uint32_t tick_ms; /* 0: no region has a deadline */
  bool running, quit;
};

void watchdog_init(struct watchdog *watchdog);
/* Makes sure that waits of `deadline_ms` are seen in time; starts the thread. Under the dispatcher's lock. 0 or errno. */
int watchdog_watch(struct dispatcher *dispatcher, uint32_t deadline_ms);
/* Ends the thread; without the dispatcher's lock. */
void watchdog_stop(struct dispatcher *dispatcher);

#endif
