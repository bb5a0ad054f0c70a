/* REP INS, REP OUTS and REP MOVS: one instruction, `count` elements, upwards. */
#ifndef GUEST_STRING_IO_H
#define GUEST_STRING_IO_H

#include <stdint.h>

/* 16-bit code needs the 0x67 prefix to use all of ESI, EDI and ECX. */
#ifdef GUEST_REAL
#define REP "addr32 rep "
#else
#define REP "rep "
#endif

#define DEFINE_STRING_IO(bits, letter)                                                                  \
  static inline void string_in##bits(uint16_t port, uintptr_t buffer, uintptr_t count)                  \
  {                                                                                                     \
    __asm__ volatile(REP "ins" letter : "+D"(buffer), "+c"(count) : "d"(port) : "memory");              \
  }                                                                                                     \
  static inline void string_out##bits(uint16_t port, uintptr_t buffer, uintptr_t count)                 \
  {                                                                                                     \
    __asm__ volatile(REP "outs" letter : "+S"(buffer), "+c"(count) : "d"(port) : "memory");             \
  }                                                                                                     \
  static inline void string_copy##bits(uintptr_t to, uintptr_t from, uintptr_t count)                   \
  {                                                                                                     \
    __asm__ volatile(REP "movs" letter : "+D"(to), "+S"(from), "+c"(count) : : "memory");               \
  }

DEFINE_STRING_IO(8, "b")
DEFINE_STRING_IO(16, "w")
DEFINE_STRING_IO(32, "l")

#ifdef __x86_64__
static inline void string_copy64(uintptr_t to, uintptr_t from, uintptr_t count)
{
  __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}
#endif

#undef DEFINE_STRING_IO
#undef REP
#endif
