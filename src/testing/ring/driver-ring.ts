/** The driver's side of a virtqueue, of either format. */
import type { QueueSetup } from '../../virtio/index.js';
import type { DescriptorTable } from './descriptor-table.js';
import type { RingFormat, RingPlace } from './ring-place.js';

/** One element of a chain. */
export interface RingBuffer {
  readonly gpa: number;
  /** In bytes. */
  readonly length: number;
  readonly writable: boolean;
}

/** A chain the device has used. */
export interface UsedChain {
  readonly id: number;
  /** Used length in bytes; 0 where a packed ring leaves it open. */
  readonly written: number;
}

/**
 * What a right driver does, step by step; and the fields themselves, for everything else. It belongs to one thread; the
 * device may be on another.
 */
export interface DriverRing {
  readonly format: RingFormat;
  readonly size: number;
  readonly place: RingPlace;
  /** For `createQueue`: the ring as it is now, where the driver's chains have all been used. */
  readonly setup: QueueSetup;
  /** Descriptors that are in no chain. */
  readonly free: number;
  /** Where the next chain is made available, in 16 bits as in notification data (2.9). */
  readonly position: number;
  readonly descriptors: DescriptorTable;

  /**
   * Writes a chain, readable buffers first; the device sees it after `publish`. `table` is a gpa where an indirect table
   * for it has room. Returns the id the device will give it back by. Throws where the ring has no descriptor left.
   */
  add(buffers: readonly RingBuffer[], table?: number): number;
  /** Shows the device all chains added. */
  publish(): void;
  /** Whether the device wants a kick for what was published since the last time this was asked. */
  needsKick(): boolean;
  /** The next chain the device has used, or null. Throws where the device used what it does not have. */
  takeUsed(): UsedChain | null;
  /** Asks for calls, or asks for none: a hint. */
  setCalls(wanted: boolean): void;
  /** EVENT_IDX: asks for a call when the device has used `entries` more: chains (split), descriptors (packed). */
  callAfter(entries: number): void;
}
