/* Where the windows of the device are (virtio 4.1.4). */
#include "pci.h"
#include "state.h"

#define CAP_COMMON 1
#define CAP_NOTIFY 2
#define CAP_ISR 3
#define CAP_DEVICE 4
/* struct virtio_pci_cap */
#define CAP_TYPE 3
#define CAP_BAR 4
#define CAP_OFFSET 8
#define CAP_NOTIFY_MULTIPLIER 16
#define MSIX_TABLE 4
/* More capabilities than 256 bytes have room for are a loop. */
#define MOST_CAPABILITIES 48

static uintptr_t address_of(uint32_t capability)
{
  struct virtio_run *run = STATE->run;
  uint32_t bar = pci_read8(run->function, capability + CAP_BAR);
  return bar < 6 ? (uintptr_t)run->bars[bar] + pci_read32(run->function, capability + CAP_OFFSET) : 0;
}

static void take_window(uint32_t capability)
{
  struct windows *windows = &STATE->windows;
  uint32_t function = STATE->run->function;
  uint32_t type = pci_read8(function, capability + CAP_TYPE);
  if (type == CAP_COMMON)
    windows->common = address_of(capability);
  else if (type == CAP_ISR)
    windows->isr = address_of(capability);
  else if (type == CAP_DEVICE)
    windows->device = address_of(capability);
  else if (type == CAP_NOTIFY) {
    windows->notify = address_of(capability);
    windows->notify_multiplier = pci_read32(function, capability + CAP_NOTIFY_MULTIPLIER);
  }
}

static void take_msix(uint32_t capability)
{
  struct virtio_run *run = STATE->run;
  uint32_t table = pci_read32(run->function, capability + MSIX_TABLE);
  STATE->windows.msix_control = (uint16_t)(capability + 2);
  STATE->windows.msix_table = run->bars[table & 7] + (table & ~7u);
}

int walk_capabilities(void)
{
  struct windows *windows = &STATE->windows;
  uint32_t function = STATE->run->function;
  uint32_t at = pci_read8(function, PCI_CAPABILITIES);
  for (uint32_t left = MOST_CAPABILITIES; at != 0; left--) {
    if (left == 0)
      return 0;
    uint32_t id = pci_read8(function, at);
    if (id == PCI_CAP_VENDOR)
      take_window(at);
    else if (id == PCI_CAP_MSIX)
      take_msix(at);
    at = pci_read8(function, at + 1);
  }
  windows->legacy = (uint16_t)STATE->run->bars[0];
  if (has_flag(VIRTIO_FLAG_LEGACY))
    return windows->legacy != 0;
  return windows->common && windows->notify && windows->isr && windows->device && windows->msix_table;
}
