/* How functions lie on the way of a usual access, which runs straight on: its code is cold after each system call. */
#ifndef IOREGION_STRAIGHT_H
#define IOREGION_STRAIGHT_H

/* Part of the way. */
#define STEP inline __attribute__((always_inline))
/* Beside it. */
#define APART __attribute__((noinline))
/* Far from it. */
#define UNUSUAL __attribute__((cold, noinline))
/* For conditions: which way is straight on. */
#define USUALLY(condition) __builtin_expect(!!(condition), 1)
#define RARELY(condition) __builtin_expect(!!(condition), 0)

#endif
