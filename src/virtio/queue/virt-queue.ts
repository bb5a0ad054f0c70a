/** The queue as a device sees it. */
import type { Chain } from './chain.js';
import type { QueueError } from './errors.js';

/**
 * One virtqueue while it runs. No method throws, whatever the driver does: a malformed ring fails the queue, after which
 * `pop` returns null, nothing more is written to the ring, and the device needs a reset.
 */
export interface VirtQueue {
  readonly index: number;
  /** Descriptors of the ring. */
  readonly size: number;
  /** Features the driver accepted. */
  readonly features: bigint;
  /** Chains taken and not completed. At most `size`. */
  readonly inFlight: number;
  /** Why the queue failed; null while it works. */
  readonly failure: QueueError | null;

  /**
   * The next chain the driver made available, or null: nothing there, stopped, failed, or so many segments in flight
   * that the next chain has to wait (then the device is kicked again when chains have been completed).
   */
  pop(): Chain | null;

  /**
   * Pops up to 32 chains, those that the queue reads at a time: `batch` has them, in order, until the next `pop` or
   * `popBatch`. Returns how many; 0 is the null of `pop`.
   */
  popBatch(): number;
  /** The array is always the same. */
  readonly batch: readonly Chain[];

  /** Publishes the completions since the last flush, and calls the driver where it wants that. */
  flush(): void;

  /** Tells the driver that kicks are not needed. A hint: they may come all the same. */
  disableKicks(): void;

  /**
   * Asks for kicks again. True where chains arrived meanwhile: the driver may not kick for those, so pop again. False where the
   * next chain has to wait for completions, which kick by themselves.
   */
  enableKicks(): boolean;

  /** Gives the queue up, for a driver that breaks the device's own protocol beyond an error answer. */
  fail(error: QueueError): void;
}
