/** Loading kernels: bzImage through its 64-bit entry, ELF vmlinux through PVH. */
export { BootBytes, type BootFile } from './boot-file.js';
export { enterKernel } from './boot-state.js';
export { type BootFiles, loadBootFiles } from './load.js';
export type { LoadedKernel } from './loaded-kernel.js';
export { lowMemoryEnd, type MemoryMapEntry, MemoryType, memoryMap } from './memory-map.js';
