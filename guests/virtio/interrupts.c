#include "interrupts.h"

#include "mmio.h"
#include "pio.h"
#include "state.h"

#define APIC_EOI (MESSAGE_ADDRESS + 0xb0)
#define APIC_SPURIOUS (MESSAGE_ADDRESS + 0xf0)
#define APIC_ENABLED 0x1ff
#define IOAPIC_SELECT 0xfec00000u
#define IOAPIC_DATA (IOAPIC_SELECT + 0x10)
#define IOAPIC_REDIRECTION 0x10
#define IOAPIC_LEVEL 0x8000
#define CODE_SELECTOR 8
#define INTERRUPT_GATE 0x8e00
#define LEGACY_ISR 19

struct __attribute__((packed)) gate {
  uint16_t offset_low;
  uint16_t selector;
  uint16_t attributes;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};

struct __attribute__((packed)) table {
  uint16_t limit;
  uint64_t base;
};

/* In interrupt_entry.S: one entry for each kind, ENTRY_SIZE bytes apart. */
extern const char interrupt_entries[];
#define ENTRY_SIZE 16

void read_isr(void)
{
  if (has_flag(VIRTIO_FLAG_LEGACY))
    pio_read8(STATE->windows.legacy + LEGACY_ISR);
  else
    mmio_read8(STATE->windows.isr);
}

/* Called by the entries with interrupts off. */
void count_interrupt(uint32_t kind)
{
  STATE->run->interrupts[kind]++;
  if (kind == INTERRUPT_PIN)
    read_isr();
  mmio_write32(APIC_EOI, 0);
}

static void set_gate(uint32_t kind)
{
  uint64_t entry = (uint64_t)(uintptr_t)interrupt_entries + kind * ENTRY_SIZE;
  struct gate *gate = (struct gate *)VIRTIO_IDT + INTERRUPT_BASE + kind;
  gate->offset_low = (uint16_t)entry;
  gate->selector = CODE_SELECTOR;
  gate->attributes = INTERRUPT_GATE;
  gate->offset_middle = (uint16_t)(entry >> 16);
  gate->offset_high = (uint32_t)(entry >> 32);
  gate->reserved = 0;
}

static void route_pin(uint32_t pin)
{
  mmio_write32(IOAPIC_SELECT, IOAPIC_REDIRECTION + 2 * pin + 1);
  mmio_write32(IOAPIC_DATA, 0);
  mmio_write32(IOAPIC_SELECT, IOAPIC_REDIRECTION + 2 * pin);
  mmio_write32(IOAPIC_DATA, IOAPIC_LEVEL | (INTERRUPT_BASE + INTERRUPT_PIN));
}

void enable_interrupts(void)
{
  for (uint32_t kind = 0; kind < VIRTIO_INTERRUPTS; kind++)
    set_gate(kind);
  struct table table = { (INTERRUPT_BASE + VIRTIO_INTERRUPTS) * sizeof(struct gate) - 1, VIRTIO_IDT };
  __asm__ volatile("lidt %0" : : "m"(table) : "memory");
  mmio_write32(APIC_SPURIOUS, APIC_ENABLED);
  if (has_flag(VIRTIO_FLAG_PIN))
    route_pin(STATE->run->pin);
}
