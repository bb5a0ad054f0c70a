/** Tiny guests for tests and benchmarks, compiled when first needed. */
export * from './bench.js';
export * from './boot.js';
export { buildGuest } from './build.js';
export * from './errors.js';
export { guestKernel, type KernelOptions } from './kernel.js';
export * from './layout.js';
export { type Guest, loadGuest } from './load.js';
export * from './modes.js';
export * from './oplist.js';
export * from './stress.js';
export * from './virtio.js';
