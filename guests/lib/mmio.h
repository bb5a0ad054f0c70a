/* Memory accesses that are exactly one instruction of the width named, wherever the address points. */
#ifndef GUEST_MMIO_H
#define GUEST_MMIO_H

#include <stdint.h>

/* 16 bytes, the widest single access: KVM splits it into two of 8. */
struct wide {
  uint64_t low;
  uint64_t high;
};

#define DEFINE_MMIO(bits, letter, constraint)                                    \
  static inline uint##bits##_t mmio_read##bits(uintptr_t address)                \
  {                                                                              \
    uint##bits##_t value;                                                        \
    __asm__ volatile("mov" letter " (%1), %0" : "=" constraint(value) : "r"(address) : "memory"); \
    return value;                                                                \
  }                                                                              \
  static inline void mmio_write##bits(uintptr_t address, uint##bits##_t value)   \
  {                                                                              \
    __asm__ volatile("mov" letter " %0, (%1)" : : constraint(value), "r"(address) : "memory"); \
  }

DEFINE_MMIO(8, "b", "q")
DEFINE_MMIO(16, "w", "r")
DEFINE_MMIO(32, "l", "r")

#ifdef __x86_64__
DEFINE_MMIO(64, "q", "r")
#else
/* Without 64-bit registers, MMX makes an access of 8 bytes. */
static inline uint64_t mmio_read64(uintptr_t address)
{
  uint64_t value;
  __asm__ volatile("movq (%1), %%mm0; movq %%mm0, %0" : "=m"(value) : "r"(address) : "memory");
  return value;
}

static inline void mmio_write64(uintptr_t address, uint64_t value)
{
  __asm__ volatile("movq %0, %%mm0; movq %%mm0, (%1)" : : "m"(value), "r"(address) : "memory");
}
#endif

static inline struct wide mmio_read128(uintptr_t address)
{
  struct wide value;
  __asm__ volatile("movups (%1), %%xmm0; movups %%xmm0, %0" : "=m"(value) : "r"(address) : "memory");
  return value;
}

static inline void mmio_write128(uintptr_t address, struct wide value)
{
  __asm__ volatile("movups %0, %%xmm0; movups %%xmm0, (%1)" : : "m"(value), "r"(address) : "memory");
}

#undef DEFINE_MMIO
#endif
