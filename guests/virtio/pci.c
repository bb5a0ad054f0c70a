/* What firmware does: finds the function and gives its BARs addresses. */
#include "pci.h"

#include "state.h"

#define VIRTIO_VENDOR 0x1af4
#define VIRTIO_BLOCK_TRANSITIONAL 0x1001
#define VIRTIO_BLOCK_MODERN 0x1042
#define PCI_DEVICES 32
#define BAR_IO 1
#define BAR_WIDE 4

static uint32_t is_block_device(uint32_t id)
{
  uint32_t device = id >> 16;
  if ((id & 0xffff) != VIRTIO_VENDOR)
    return 0;
  return device == VIRTIO_BLOCK_MODERN || device == VIRTIO_BLOCK_TRANSITIONAL;
}

int find_function(void)
{
  struct virtio_run *run = STATE->run;
  for (uint32_t device = 0; device < PCI_DEVICES; device++) {
    uint32_t id = pci_read32(device << 3, 0);
    if (!is_block_device(id))
      continue;
    run->function = device << 3;
    run->id = id;
    return 1;
  }
  return 0;
}

/* PCI 3.0, 6.2.5.1: what stays of all ones tells the size. */
static uint32_t size_of_bar(uint32_t function, uint32_t offset, uint32_t type_bits)
{
  uint32_t before = pci_read32(function, offset);
  pci_write32(function, offset, 0xffffffff);
  uint32_t mask = pci_read32(function, offset) & ~type_bits;
  pci_write32(function, offset, before);
  return mask == 0 ? 0 : ~mask + 1;
}

static uint32_t take(uint32_t *window, uint32_t size)
{
  uint32_t base = (*window + size - 1) & ~(size - 1);
  *window = base + size;
  return base;
}

/* Returns how many registers the BAR has; a port BAR reports only 16 bits of its size on some hosts. */
static uint32_t place_bar(uint32_t bar, uint32_t *memory, uint32_t *ports)
{
  struct virtio_run *run = STATE->run;
  uint32_t function = run->function, offset = PCI_BAR0 + 4 * bar;
  uint32_t type = pci_read32(function, offset);
  uint32_t io = type & BAR_IO;
  uint32_t size = size_of_bar(function, offset, io ? 3 : 15);
  uint32_t wide = !io && (type & BAR_WIDE);
  if (size == 0)
    return 1;
  run->bar_sizes[bar] = size;
  run->bars[bar] = take(io ? ports : memory, size);
  pci_write32(function, offset, run->bars[bar]);
  if (wide)
    pci_write32(function, offset + 4, 0);
  return wide ? 2 : 1;
}

int place_bars(void)
{
  struct virtio_run *run = STATE->run;
  uint32_t memory = run->memory_window, ports = run->port_window;
  for (uint32_t bar = 0; bar < 6;)
    bar += place_bar(bar, &memory, &ports);
  for (uint32_t bar = 0; bar < 6; bar++)
    if (run->bar_sizes[bar] && (pci_read32(run->function, PCI_BAR0 + 4 * bar) & ~15u) != run->bars[bar])
      return 0;
  uint16_t command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
  if (!has_flag(VIRTIO_FLAG_PIN))
    command |= PCI_COMMAND_NO_PIN;
  pci_write16(run->function, PCI_COMMAND, command);
  pio_write32(VIRTIO_PLACED_PORT, 0);
  return 1;
}
