/* ioeventfd: the device is a thread that blocks in read(2) of an eventfd and counts signals. */
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "affinity.h"
#include "die.h"
#include "target.h"

/* Added to the counter to end the thread; no run signals this often. */
#define STOP (1ull << 40)

struct eventfd_target {
  struct target target;
  int eventfd;
  int device_cpu;
  pthread_t thread;
  uint64_t signals;
};

static void *device_thread(void *argument)
{
  struct eventfd_target *target = argument;
  pin_to_cpu(target->device_cpu);
  while (target->signals < STOP) {
    uint64_t signals;
    if (read(target->eventfd, &signals, sizeof(signals)) != sizeof(signals))
      die_errno("cannot read the eventfd");
    target->signals += signals;
  }
  target->signals -= STOP;
  return NULL;
}

static void eventfd_access(struct target *target, const struct access *access)
{
  (void)target;
  die("an access of %u bytes at offset %#lx missed the ioeventfd", access->size, access->offset);
}

static void eventfd_settle(struct target *target)
{
  const struct eventfd_target *events = (struct eventfd_target *)target;
  const uint64_t stop = STOP;
  if (write(events->eventfd, &stop, sizeof(stop)) != sizeof(stop))
    die_errno("cannot signal the eventfd");
  pthread_join(events->thread, NULL);
}

static void eventfd_counters(struct target *target, struct device *counters)
{
  *counters = (struct device){ .writes = ((struct eventfd_target *)target)->signals };
}

static void eventfd_close(struct target *target)
{
  close(((struct eventfd_target *)target)->eventfd);
}

struct target *eventfd_target_open(int device_cpu)
{
  static struct eventfd_target events;
  events = (struct eventfd_target){
    .target = { eventfd_access, eventfd_settle, eventfd_counters, eventfd_close, false },
    .eventfd = eventfd(0, EFD_CLOEXEC),
    .device_cpu = device_cpu,
  };
  if (events.eventfd < 0)
    die_errno("eventfd");
  if (pthread_create(&events.thread, NULL, device_thread, &events) != 0)
    die("pthread_create");
  return &events.target;
}

int eventfd_target_fd(const struct target *target)
{
  return ((const struct eventfd_target *)target)->eventfd;
}
