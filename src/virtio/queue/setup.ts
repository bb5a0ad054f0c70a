/** What a transport hands over when the driver enables a queue: registers, frozen. */
import type { QueueError } from './errors.js';
import type { QueueObserver, RecoveredChain } from './queue-observer.js';

/**
 * Where a queue that was stopped goes on. Both numbers are 16 bits wide: a free-running index (split), or an offset with
 * the wrap counter in bit 15 (packed), as in notification data (2.9) and vhost-user's vring base.
 */
export interface QueuePosition {
  /** The next entry to take. */
  readonly available: number;
  /** The next entry to use. Equal to `available` where nothing was in flight. */
  readonly used: number;
}

/** Plain data: it survives structured cloning to a Worker. Checked by `createQueue`, so it may come from a guest. */
export interface QueueSetup {
  readonly index: number;
  /** Queue Size: a power of two up to 32768 (split, 2.7), or 1 to 32768 (packed, 2.8). */
  readonly size: number;
  /** The features the driver accepted: VIRTIO_F_RING_PACKED selects the format. */
  readonly features: bigint;
  /** Descriptor Area (gpa): descriptor table, or descriptor ring. */
  readonly descriptors: bigint;
  /** Driver Area (gpa): available ring, or driver event suppression. */
  readonly driverArea: bigint;
  /** Device Area (gpa): used ring, or device event suppression. */
  readonly deviceArea: bigint;
  /** Of a saved queue. Default: the start of a fresh ring. */
  readonly position?: QueuePosition;
  /** What lies between `used` and `available` of the position, oldest first: taken once more before anything else. */
  readonly recovered?: readonly RecoveredChain[];
}

/** How the queue reaches whoever runs it. None of them may throw. */
export interface QueueHooks {
  /** Raises the queue's interrupt: a used buffer notification (2.3). */
  call(): void;
  /** The queue has failed: the device needs a reset. At most once. */
  failed?(error: QueueError): void;
  /** Chains that had to wait for completions can be popped now. */
  roomAvailable?(): void;
  /**
   * A chain needs memory at `address`, to write to it or to read it, where none is. True where it may come: the chain is not
   * taken then, and the queue has to be stopped and started once more on the memory that came.
   */
  missing?(address: number, writing: boolean): boolean;
  /**
   * Nothing is available, and the driver has not been asked for kicks yet: may look for a while whether `available` becomes true,
   * which saves both sides a kick. Returns whether it has. Default: kicks are asked for at once.
   */
  linger?(available: () => boolean): boolean;
  /** Default: nobody watches. */
  readonly observer?: QueueObserver;
}
