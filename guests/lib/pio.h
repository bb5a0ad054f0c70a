/* Port accesses of every width. */
#ifndef GUEST_PIO_H
#define GUEST_PIO_H

#include <stdint.h>

#define DEFINE_PIO(bits, letter)                                                 \
  static inline uint##bits##_t pio_read##bits(uint16_t port)                     \
  {                                                                              \
    uint##bits##_t value;                                                        \
    __asm__ volatile("in" letter " %1, %0" : "=a"(value) : "d"(port));           \
    return value;                                                                \
  }                                                                              \
  static inline void pio_write##bits(uint16_t port, uint##bits##_t value)        \
  {                                                                              \
    __asm__ volatile("out" letter " %0, %1" : : "a"(value), "d"(port));          \
  }

DEFINE_PIO(8, "b")
DEFINE_PIO(16, "w")
DEFINE_PIO(32, "l")

#undef DEFINE_PIO
#endif
