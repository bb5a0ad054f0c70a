/** Virtio over PCI (4.1). Offsets and sizes are in bytes. */

/** PCI vendor of every virtio device (4.1.2). */
export const VIRTIO_PCI_VENDOR = 0x1af4;
/** Non-transitional PCI device ID: this plus the device type (4.1.2). */
export const MODERN_PCI_DEVICE_BASE = 0x1040;
/** PCI device ID of a transitional device, by device type (4.1.2.3). */
export const TRANSITIONAL_PCI_DEVICE: Readonly<Record<number, number>> = {
  1: 0x1000,
  2: 0x1001,
  5: 0x1002,
  3: 0x1003,
  8: 0x1004,
  4: 0x1005,
  9: 0x1009,
};

/** `cfg_type` of a vendor-specific capability (4.1.4). */
export const PciCapType = {
  common: 1,
  notify: 2,
  isr: 3,
  device: 4,
  pciCfg: 5,
  sharedMemory: 8,
  vendor: 9,
} as const;

/** `struct virtio_pci_cap` (4.1.4). */
export const PciCap = {
  vendor: 0,
  next: 1,
  length: 2,
  cfgType: 3,
  bar: 4,
  id: 5,
  offset: 8,
  regionLength: 12,
  size: 16,
} as const;

/** `struct virtio_pci_common_cfg` (4.1.4.3). */
export const CommonCfg = {
  deviceFeatureSelect: 0x00,
  deviceFeature: 0x04,
  driverFeatureSelect: 0x08,
  driverFeature: 0x0c,
  configMsixVector: 0x10,
  numQueues: 0x12,
  deviceStatus: 0x14,
  configGeneration: 0x15,
  queueSelect: 0x16,
  queueSize: 0x18,
  queueMsixVector: 0x1a,
  queueEnable: 0x1c,
  queueNotifyOff: 0x1e,
  queueDesc: 0x20,
  queueDriver: 0x28,
  queueDevice: 0x30,
  queueNotifConfigData: 0x38,
  queueReset: 0x3a,
  adminQueueIndex: 0x3c,
  adminQueueNum: 0x3e,
  size: 0x40,
} as const;

/** The legacy header of the I/O BAR (4.1.4.10); device configuration follows at `size`, or later where MSI-X is enabled. */
export const LegacyCfg = {
  deviceFeatures: 0x00,
  driverFeatures: 0x04,
  queueAddress: 0x08,
  queueSize: 0x0c,
  queueSelect: 0x0e,
  queueNotify: 0x10,
  deviceStatus: 0x12,
  isrStatus: 0x13,
  configMsixVector: 0x14,
  queueMsixVector: 0x16,
  size: 0x14,
  sizeWithMsix: 0x18,
} as const;

/** ISR status (4.1.4.5). */
export const IsrStatus = { queue: 1, config: 2 } as const;

/** No MSI-X vector is mapped (4.1.5.1.2). */
export const MSI_NO_VECTOR = 0xffff;
