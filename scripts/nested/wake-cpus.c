/*
 * Each CPU of the nested machine is interrupted by the others twenty times a second: QEMU's emulation of SVM can forget that a
 * CPU has an interrupt pending, where it comes as a guest is entered or left: qemu.mjs. The next interrupt of that CPU
 * brings the one before along, but if the forgotten one is its timer's, there is no next one of its own.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MOST_CPUS 64
#define BEAT_MS 50

static int bell[MOST_CPUS][2];

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In front of all else that runs there: so the others' bells interrupt a CPU that is busy. */
static void live_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  const struct sched_param first = {.sched_priority = 1};
  if (sched_setaffinity(0, sizeof(set), &set) == 0 && sched_setscheduler(0, SCHED_FIFO, &first) == 0) return;
  perror("wake-cpus");
  exit(1);
}

static void ring_others(int cpu, int cpus) {
  for (int other = 0; other < cpus; other++)
    if (other != cpu && write(bell[other][1], "", 1) < 0) continue; /* full: it has not looked for long */
}

static void beat(int cpu, int cpus) {
  struct pollfd mine = {.fd = bell[cpu][0], .events = POLLIN};
  char heard[64];
  long next = now_ms() + BEAT_MS;
  live_on(cpu);
  for (;;) {
    const long left = next - now_ms();
    if (left > 0 && poll(&mine, 1, (int)left) > 0 && read(mine.fd, heard, sizeof(heard)) < 0) exit(1);
    if (now_ms() < next) continue;
    next = now_ms() + BEAT_MS;
    ring_others(cpu, cpus);
  }
}

int main(void) {
  const int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
  if (cpus > MOST_CPUS) return 1;
  for (int cpu = 0; cpu < cpus; cpu++)
    if (pipe2(bell[cpu], O_NONBLOCK) < 0) return 1;
  for (int cpu = 1; cpu < cpus; cpu++)
    if (fork() == 0) beat(cpu, cpus);
  beat(0, cpus);
}
