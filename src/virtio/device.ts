/** The device author's seam: a device knows its type, features, configuration and queues, and nothing of its transport. */
import type { GuestMemory } from '../memory/index.js';
import type { VirtQueue } from './queue/index.js';

/** Device configuration space (2.5). */
export interface ConfigSpace {
  /** What the driver reads. May be over a SharedArrayBuffer; after a change call `DeviceHost.configChanged`. */
  readonly bytes: Uint8Array;
  /**
   * The driver wrote `bytes` at `offset`; the transport has checked that they lie inside. It has not stored them: the
   * device takes over what it lets the driver change. Absent: writes are ignored.
   */
  write?(offset: number, bytes: Uint8Array): void;
}

/** What a device may ask of whoever runs it, from `activate` to the next reset. */
export interface DeviceHost {
  readonly memory: GuestMemory;
  /** A new config generation, and a configuration change notification. */
  configChanged(): void;
  /** Sets DEVICE_NEEDS_RESET (2.1.2). */
  needsReset(reason: string): void;
  /**
   * Kicks the queue again, once, after other work of the thread: what a device calls that has handled enough for one turn, or
   * that can now go on.
   */
  kickLater(index: number): void;
  log(message: string): void;
}

/**
 * A virtio device. The same object, unchanged, runs in-process, over ioregionfd and over vhost-user.
 *
 * The order of calls: `activate` (DRIVER_OK), `startQueue` for each queue the driver enabled, `kick` while they run,
 * `stopQueue`, then `reset`. A queue may also stop and start on its own (VIRTIO_F_RING_RESET). What a method throws or
 * rejects with fails that queue (or the device, outside of queues): NEEDS_RESET, logged and counted; never the process.
 */
export interface VirtioDevice {
  /** Device ID (5): a value of DeviceType. */
  readonly deviceType: number;
  /** Device-specific features offered: bits of DEVICE_FEATURE_MASK. Transport and ring features are not the device's. */
  readonly features: bigint;
  /** The largest size of each queue, 1 to 32768, powers of two. */
  readonly queueSizes: readonly number[];
  readonly config: ConfigSpace;

  /** The driver is ready. `driverFeatures` is all it accepted, ring features included. */
  activate?(driverFeatures: bigint, host: DeviceHost): void;
  /** The queue runs: `pop` works, and kicks may come. Chains may already be there; a first kick follows by itself. */
  startQueue(index: number, queue: VirtQueue): void;
  /**
   * The driver made chains available, or not: kicks may be spurious. May complete chains later, after it has returned. A
   * promise is awaited only to see it fail; kicks go on meanwhile.
   */
  kick(index: number): void | Promise<void>;
  /**
   * Resolves when no chain of the queue is used any more and no I/O on its memory is under way: it may be unmapped then.
   * Idempotent. Chains may be completed first; those that are not are dropped.
   */
  stopQueue(index: number): void | Promise<void>;
  /** All queues have stopped: back to the state before `activate`. */
  reset?(): void | Promise<void>;
  /** The state beyond queues and configuration, as plain data (structured clone). Called while queues are stopped. */
  save?(): unknown;
  /** Before `activate`. The state may come from anybody: check all of it, throw where it is wrong. */
  restore?(state: unknown): void;
  /**
   * The driver may go on in another process, with the same data (migration): gives up what only one can have, such as the
   * lock of a file. Called while all queues are stopped; the next `startQueue` takes it back, and throws where it cannot.
   */
  relinquish?(): void;
  /** Releases files and threads. Nothing is called afterwards. */
  close?(): void | Promise<void>;
}
