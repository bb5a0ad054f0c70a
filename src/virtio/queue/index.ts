/** The virtqueue engine: split and packed rings, from checked registers to checked chains. */
export type { Chain } from './chain.js';
export type { ChainBuffers } from './chain-buffers.js';
export { checkQueue, createQueue } from './create-queue.js';
export { QueueError, type QueueRule } from './errors.js';
export type { GuestAccess } from './guest-access.js';
export { decodeNotification, encodeNotification, type NotificationData } from './notification.js';
export type { QueueCounters, QueueEngine } from './queue-engine.js';
export type { QueueMemory, QueueRegion } from './queue-memory.js';
export type { ObservedChain, QueueObserver, RecoveredChain } from './queue-observer.js';
export { RING_FEATURES } from './ring-features.js';
export type { QueueHooks, QueuePosition, QueueSetup } from './setup.js';
export type { VirtQueue } from './virt-queue.js';
