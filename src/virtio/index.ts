/** The public face of the virtio layer: queues, devices, and what runs them. */
export type { ConfigSpace, DeviceHost, VirtioDevice } from './device.js';
export * from './devices/index.js';
export * from './queue/index.js';
export * from './spec/index.js';
