/** One descriptor chain as a device sees it. */
import type { ChainBuffers } from './chain-buffers.js';

/**
 * A chain belongs to the device from `pop` to `complete`, each of which happens once. Chain objects are used again: keep no
 * reference after `complete`. After the queue has stopped, copies do nothing and completions are dropped and counted.
 */
export interface Chain {
  /** Index of the head descriptor (split), or buffer ID (packed). */
  readonly head: number;
  /** What the driver wrote for the device. */
  readonly readable: ChainBuffers;
  /** Where the device may write. */
  readonly writable: ChainBuffers;

  /**
   * Gives the chain back with the number of bytes written, counted from the first writable byte without gaps (2.7.8.2). The
   * driver sees it after `flush`. In any order: with VIRTIO_F_IN_ORDER the queue holds completions back until it is their
   * turn. More than `writable.byteLength` fails the queue.
   */
  complete(written: number): void;
}
