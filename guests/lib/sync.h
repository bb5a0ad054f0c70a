/* What several vCPUs need to agree: a fence, a spinlock and a barrier in shared memory. */
#ifndef GUEST_SYNC_H
#define GUEST_SYNC_H

#include <stdint.h>

static inline void spin_hint(void)
{
  __asm__ volatile("pause");
}

static inline void fence(void)
{
  __asm__ volatile("mfence" : : : "memory");
}

static inline uint32_t fetch_add(volatile uint32_t *word, uint32_t amount)
{
  __asm__ volatile("lock xaddl %0, %1" : "+r"(amount), "+m"(*word) : : "memory");
  return amount;
}

static inline void spin_lock(volatile uint32_t *lock)
{
  uint32_t taken = 1;
  for (;;) {
    __asm__ volatile("xchgl %0, %1" : "+r"(taken), "+m"(*lock) : : "memory");
    if (!taken)
      return;
    spin_hint();
  }
}

static inline void spin_unlock(volatile uint32_t *lock)
{
  __asm__ volatile("movl $0, %0" : "=m"(*lock) : : "memory");
}

/* Zero-initialized; may be used again as soon as it has been passed. */
struct barrier {
  volatile uint32_t arrived;
  volatile uint32_t generation;
};

static inline void barrier_wait(struct barrier *barrier, uint32_t participants)
{
  uint32_t generation = barrier->generation;
  if (fetch_add(&barrier->arrived, 1) + 1 == participants) {
    barrier->arrived = 0;
    fetch_add(&barrier->generation, 1);
    return;
  }
  while (barrier->generation == generation)
    spin_hint();
}

#endif
