#ifndef REFERENCE_AFFINITY_H
#define REFERENCE_AFFINITY_H

/* Pins the calling thread. */
void pin_to_cpu(int cpu);

#endif
