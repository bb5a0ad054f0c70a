/** Watches what a queue does to guest memory: for transports that must log it, or be able to repeat it. */
import type { ChainBuffers } from './chain-buffers.js';

export interface ObservedChain {
  /** Head (split), or buffer ID (packed). */
  readonly head: number;
  /** Descriptors of the ring that it occupies. */
  readonly descriptors: number;
  readonly writable: ChainBuffers;
}

/** Called at each step of each chain, on the queue's thread; none may throw. */
export interface QueueObserver {
  /** Before a device sees the chain. `at`: of a packed ring, the offset of its first descriptor. */
  taken(chain: ObservedChain, at: number): void;
  /** The device has completed it, and an entry has been written at offset `at` of the ring; the driver cannot see it yet. */
  used(chain: ObservedChain, at: number): void;
  /** The driver can see all of them. `used`: as in QueuePosition. `first`: where the first one of them is. */
  published(used: number, first: number): void;
  /** The driver has been told whether to kick. */
  kicksSet(): void;
}

/** A chain that was taken when the ring was served before, and has not been used. */
export interface RecoveredChain {
  /** Head (split), or buffer ID (packed). */
  readonly head: number;
  /** Of a packed ring: its descriptors, 4 words each, as they were; the ring itself may have been written over. */
  readonly descriptors?: Uint32Array;
}
