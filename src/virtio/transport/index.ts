/** The transport of a device without its registers: what modern and legacy windows have in common. */
export { ConfigAccess } from './config-access.js';
export { DRIVER_BITS, type DriverInterface, nextStatus } from './device-status.js';
export { Features } from './features.js';
export { type QueueArea, QueueRegisters } from './queue-registers.js';
export { QueueSet, type QueueStage, type SavedQueue } from './queue-set.js';
export type { Refusals } from './refusals.js';
export { type SavedTransport, TransportCore, type TransportOptions } from './transport-core.js';
