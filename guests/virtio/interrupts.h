/* Interrupts in long mode: descriptor table, local APIC, and I/O APIC for the pin. */
#ifndef GUEST_VIRTIO_INTERRUPTS_H
#define GUEST_VIRTIO_INTERRUPTS_H

#include <stdint.h>

/* The vector of the first kind of interrupt (VIRTIO_INTERRUPTS). */
#define INTERRUPT_BASE 0x30
#define INTERRUPT_PIN 3
/* Where messages go: the local APIC with ID 0. */
#define MESSAGE_ADDRESS 0xfee00000u

void enable_interrupts(void);
/* Withdraws the device's interrupt, by an access to it (4.1.4.5). */
void read_isr(void);
/* Sleeps until an interrupt comes. Interrupts are off before and after, so that what is checked before cannot be missed. */
static inline void wait_for_interrupt(void)
{
  __asm__ volatile("sti; hlt; cli" : : : "memory");
}

#endif
