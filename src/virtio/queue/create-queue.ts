/** From the registers of a transport to a running queue. */
import { checkPosition, checkSize, isPacked, locateAreas, type RingAreas } from './areas.js';
import { MemoryMap } from './memory-map.js';
import { PackedQueue } from './packed-queue.js';
import type { QueueEngine } from './queue-engine.js';
import type { QueueMemory } from './queue-memory.js';
import type { QueueHooks, QueueSetup } from './setup.js';
import { SplitQueue } from './split-queue.js';

/**
 * Checks all of `setup` as hostile input and starts the queue, with kicks enabled. What is in `setup` is copied: changing
 * it later changes nothing. Throws QueueError where a queue cannot be there; afterwards nothing throws.
 */
export function createQueue(setup: QueueSetup, memory: QueueMemory, hooks: QueueHooks): QueueEngine {
  const map = new MemoryMap(memory);
  const areas = checkedAreas(setup, map);
  return isPacked(setup) ? new PackedQueue(setup, areas, map, hooks) : new SplitQueue(setup, areas, map, hooks);
}

/** For a queue that runs elsewhere: throws QueueError where `createQueue` would. */
export function checkQueue(setup: QueueSetup, memory: QueueMemory): void {
  checkedAreas(setup, new MemoryMap(memory));
}

function checkedAreas(setup: QueueSetup, map: MemoryMap): RingAreas {
  checkSize(setup);
  checkPosition(setup);
  return locateAreas(setup, map);
}
