#include "affinity.h"

#include <sched.h>

#include "die.h"

void pin_to_cpu(int cpu)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) < 0)
    die_errno("cannot run on CPU %d", cpu);
}
