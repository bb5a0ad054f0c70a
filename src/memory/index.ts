/** Guest memory: a list of mmapped regions with checked access by guest-physical address. */
export * from './errors.js';
export * from './guest-memory.js';
export { type AddressHole, type RegionLayout, ramLayout, X86_HOLE } from './layout.js';
export { MemoryRegion, type RegionFile } from './region.js';
export type { SharedMemory, SharedRegion } from './shared.js';
