/* PCI configuration space through ports 0xcf8 and 0xcfc, bus 0 only. */
#ifndef GUEST_VIRTIO_PCI_H
#define GUEST_VIRTIO_PCI_H

#include <stdint.h>

#include "pio.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_ENABLE 0x80000000u

#define PCI_COMMAND 0x04
#define PCI_BAR0 0x10
#define PCI_CAPABILITIES 0x34
#define PCI_COMMAND_IO 1
#define PCI_COMMAND_MEMORY 2
#define PCI_COMMAND_MASTER 4
#define PCI_COMMAND_NO_PIN 0x400
#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX 0x11

/* `function` is device << 3 | function, as in bits 8 to 15 of the address register. */
static inline uint16_t pci_select(uint32_t function, uint32_t offset)
{
  pio_write32(PCI_ADDRESS, PCI_ENABLE | function << 8 | (offset & 0xfc));
  return PCI_DATA + (offset & 3);
}

static inline uint32_t pci_read32(uint32_t function, uint32_t offset)
{
  return pio_read32(pci_select(function, offset));
}

static inline uint16_t pci_read16(uint32_t function, uint32_t offset)
{
  return pio_read16(pci_select(function, offset));
}

static inline uint8_t pci_read8(uint32_t function, uint32_t offset)
{
  return pio_read8(pci_select(function, offset));
}

static inline void pci_write32(uint32_t function, uint32_t offset, uint32_t value)
{
  pio_write32(pci_select(function, offset), value);
}

static inline void pci_write16(uint32_t function, uint32_t offset, uint16_t value)
{
  pio_write16(pci_select(function, offset), value);
}

/* Looks for the one virtio function. Each step returns 0 where it fails. */
int find_function(void);
/* Sizes the BARs, gives them addresses, has them decoded, and tells the host. */
int place_bars(void);
/* Finds the windows that capabilities, or the legacy BAR, describe. */
int walk_capabilities(void);

#endif
