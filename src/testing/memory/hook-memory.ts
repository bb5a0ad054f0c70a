/** Guest memory with something in between. */
import type { QueueMemory } from '../../virtio/index.js';
import { HookedAccess } from './hooked-access.js';
import type { MemoryHook } from './memory-hook.js';

/**
 * The same memory, for `createQueue`: every access that the engine or `Chain` copies make goes through `hook`. Views and
 * native I/O on a segment do not.
 */
export function hookMemory({ regions }: QueueMemory, hook: MemoryHook): QueueMemory {
  return {
    regions: regions.map((region) => {
      const { gpa, size, readonly, mapping } = region;
      const access = (offset: number, length: number) => new HookedAccess(region, offset, length, hook);
      return { gpa, size, readonly, mapping, access };
    }),
  };
}
