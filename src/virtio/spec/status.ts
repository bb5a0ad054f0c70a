/** The device status field (2.1). */
export const DeviceStatus = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  /** With VIRTIO_F_SUSPEND (1.4). */
  suspend: 16,
  needsReset: 64,
  failed: 128,
} as const;
