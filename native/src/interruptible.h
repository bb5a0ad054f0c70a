/*
 * Blocking system calls that another thread can end without a race and without an extra system call.
 *
 * The textbook ways (ppoll with a signal mask, a poll on a wake-up eventfd before each read) cost one more system
 * call per access, a tenth of a whole round trip. Here the flag is tested immediately before the `syscall`
 * instruction, and the signal handler moves a thread it finds between that test and the instruction to the exit:
 * either the thread sees the flag, or the signal finds it before the call, or it interrupts the call.
 */
#ifndef IOREGION_INTERRUPTIBLE_H
#define IOREGION_INTERRUPTIBLE_H

#include "straight.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Why a thread must stop waiting; bits of a stop word. */
enum {
  STOP_KICK = 1,    /* somebody wants the thread back in JavaScript; consumed by the call that reports it */
  STOP_REMOVED = 2, /* a region was removed: waiters check whether it was theirs */
  STOP_EXPIRED = 4, /* the watchdog found a wait beyond its deadline */
  STOP_FOREVER = 8, /* closed, or the process exits: never cleared */
};

struct stop_target {
  _Atomic uint32_t word;
  _Atomic int32_t tid; /* the thread that waits with this word; 0 before the first call */
};

/* Addresses in the code: of the test of a stop word, behind the system call, and of what leaves it out. */
struct interruptible_range {
  uintptr_t test, after, stop;
};

#ifndef __x86_64__
#error "interruptible_syscall is written for x86-64"
#endif

/*
 * The raw system call; returns -errno on failure, -EINTR at once where `word` is not 0. Inlined: with the
 * straight ways of caller.c and server.c that is 1 to 3 % of a round trip, whose code is cold after each system call.
 */
static STEP long interruptible_syscall(const _Atomic uint32_t *word, long number, long a, long b, long c, long d, long e,
                                       long f) {
  long result = number;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile(
      "1: cmpl $0, %[word]\n"
      "  jne 3f\n"
      "  syscall\n"
      "2:\n"
      "  .subsection 1\n"
      "3: mov $-4, %%rax\n" /* -EINTR */
      "  jmp 2b\n"
      "  .previous\n"
      "  .pushsection ioregion_ranges, \"aw\"\n"
      "  .balign 8\n"
      "  .quad 1b, 2b, 3b\n"
      "  .popsection\n"
      : "+a"(result)
      : [word] "m"(*word), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
      : "rcx", "r11", "memory", "cc");
  return result;
}

/* Blocks until the file is ready for `events` of poll, although it may be O_NONBLOCK (set at any time). 0, or -errno. */
long interruptible_wait(const _Atomic uint32_t *word, int fd, short events);

/* Makes the calling thread the one that stop_raise wakes. Cheap where it already is. */
void stop_bind(struct stop_target *target);

/* Sets `bits`, then wakes the bound thread. Safe from any thread. */
void stop_raise(struct stop_target *target, uint32_t bits);

/* Installs the process-wide signal handler, once. Returns 0 or an errno. */
int interruptible_init(void);

#endif
