/** The public face of the virtio layer: queues, devices, and what runs them. */

export * from './control/index.js';
export type { ConfigSpace, DeviceHost, VirtioDevice } from './device.js';
export * from './devices/index.js';
export * from './host-notifier/index.js';
export * from './interrupt/index.js';
export * from './pci/index.js';
export * from './queue/index.js';
export * from './reload/index.js';
export * from './runner/index.js';
export * from './spec/index.js';
export * from './state/index.js';
export * from './transport/index.js';
export * from './vm-link/index.js';
