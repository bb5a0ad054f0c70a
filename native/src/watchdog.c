#include "watchdog.h"

#include "dispatcher.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#define LONGEST_TICK_MS 250
/* One tick may pass before a wait is noticed, and one before its end is. */
#define TICKS_PER_DEADLINE 8
#define NS_PER_MS 1000000ull

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void watchdog_init(struct watchdog *watchdog) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&watchdog->changed, &attributes);
  pthread_condattr_destroy(&attributes);
}

/*
 * Adds up the time spent waiting for the peer; time in JavaScript after a kick does not count. The sequence number
 * tells one wait from the next, here and where the flag is looked at.
 */
static void check(struct caller *caller, uint64_t elapsed) {
  uint32_t deadline_ms = atomic_load(&caller->wait_deadline_ms), sequence = atomic_load(&caller->wait_sequence);
  if (caller->watched_sequence != sequence) {
    caller->watched_sequence = sequence;
    caller->watched_ns = 0;
  } else if (deadline_ms != 0 && (caller->watched_ns += elapsed) >= deadline_ms * NS_PER_MS) {
    atomic_store(&caller->expired_sequence, sequence);
    stop_raise(&caller->stop, STOP_EXPIRED);
  }
}

static void sleep_locked(struct dispatcher *dispatcher) {
  uint64_t until = now_ns() + dispatcher->watchdog.tick_ms * NS_PER_MS;
  struct timespec at = {.tv_sec = (time_t)(until / 1000000000ull), .tv_nsec = (long)(until % 1000000000ull)};
  pthread_cond_timedwait(&dispatcher->watchdog.changed, &dispatcher->lock, &at);
}

static void *watch(void *argument) {
  struct dispatcher *dispatcher = argument;
  uint64_t last = now_ns();
  pthread_mutex_lock(&dispatcher->lock);
  while (!dispatcher->watchdog.quit) {
    sleep_locked(dispatcher);
    uint64_t now = now_ns();
    for (struct caller *caller = dispatcher->callers; caller != NULL; caller = caller->next) check(caller, now - last);
    last = now;
  }
  pthread_mutex_unlock(&dispatcher->lock);
  return NULL;
}

static int start_thread(struct dispatcher *dispatcher) {
  sigset_t all, before;
  sigfillset(&all); /* this thread answers no signals */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&dispatcher->watchdog.thread, NULL, watch, dispatcher);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  dispatcher->watchdog.running = error == 0;
  return error;
}

int watchdog_watch(struct dispatcher *dispatcher, uint32_t deadline_ms) {
  struct watchdog *watchdog = &dispatcher->watchdog;
  if (deadline_ms == 0) return 0;
  uint32_t tick = deadline_ms / TICKS_PER_DEADLINE == 0 ? 1 : deadline_ms / TICKS_PER_DEADLINE;
  if (tick > LONGEST_TICK_MS) tick = LONGEST_TICK_MS;
  if (watchdog->tick_ms == 0 || tick < watchdog->tick_ms) {
    watchdog->tick_ms = tick;
    pthread_cond_signal(&watchdog->changed);
  }
  return watchdog->running ? 0 : start_thread(dispatcher);
}

void watchdog_stop(struct dispatcher *dispatcher) {
  struct watchdog *watchdog = &dispatcher->watchdog;
  pthread_mutex_lock(&dispatcher->lock);
  watchdog->quit = true;
  pthread_cond_signal(&watchdog->changed);
  pthread_mutex_unlock(&dispatcher->lock);
  if (watchdog->running) pthread_join(watchdog->thread, NULL);
  pthread_cond_destroy(&watchdog->changed);
}
