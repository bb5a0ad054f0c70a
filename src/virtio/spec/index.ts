/** Constants of the virtio 1.3 and 1.4 specifications, one file per clause; no logic. Clause numbers agree in both. */
export * from './device-types.js';
export * from './features.js';
export * from './notification.js';
export * from './packed-ring.js';
export * from './pci.js';
export * from './split-ring.js';
export * from './status.js';
export * from './virtqueue.js';
