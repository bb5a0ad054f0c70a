/** The seam between a transport and the device it drives, wherever that runs. */
import type { EventFd } from '../../native/index.js';
import type { InterruptSource } from '../interrupt/index.js';
import type { QueueObserver, QueueSetup } from '../queue/index.js';
import type { ControlState } from './control-state.js';
import type { SharedConfig } from './shared-config.js';

/** What a transport offers to the driver. */
export interface DeviceDescription {
  /** Device ID (5). */
  readonly deviceType: number;
  /** Features of the device and of its queues; the transport adds its own. */
  readonly features: bigint;
  /** Largest size of each queue. */
  readonly queueSizes: readonly number[];
}

/** A queue the driver has enabled. */
export interface QueueStart {
  readonly setup: QueueSetup;
  /** Where kicks arrive that no `kick` call announces; null where all are calls. It belongs to the transport. */
  readonly kickFd: EventFd | null;
  /** Watches what the queue does; for controls on this thread only. */
  readonly observer?: QueueObserver;
  /** See QueueHooks; the same holds. */
  readonly missing?: (address: number, writing: boolean) => boolean;
}

/**
 * One transport drives one device through it. Nothing but saving and restoring throws or rejects: what goes wrong shows as
 * `needsReset` in the state. A transport may be on a thread that never returns to its event loop (a vCPU, a region server): it
 * sees in the state when a reset or a stop has come to its end.
 */
export interface DeviceControl {
  readonly description: DeviceDescription;
  /** Configuration space as the driver reads it. */
  readonly config: SharedConfig;
  readonly state: ControlState;
  /** Whether `kickFd`s are watched; false where kicks must be calls. */
  readonly watchesKicks: boolean;
  /** Whether interrupts are raised on another thread: the sink must be one that describes itself. */
  readonly sharesInterrupts: boolean;

  /** DRIVER_OK: starts the device and these queues. From here on it raises interrupts. */
  activate(driverFeatures: bigint, queues: readonly QueueStart[], interrupts: InterruptSource): void;
  /** Starts one queue of an active device, after its stop. */
  startQueue(queue: QueueStart): void;
  /** Begins to stop a queue: it is `queueRunning` until nothing of it is in flight, and then has a `position`. */
  stopQueue(index: number): void;
  /** The driver made chains available in a running queue. */
  kick(index: number): void;
  /** A driver's write of `size` (1, 2 or 4) bytes inside configuration space; later reads see what the device made of it. */
  writeConfig(offset: number, size: number, value: number): void;
  /** Begins to stop all queues and reset the device: it is `active` until nothing is in flight. */
  reset(): void;
  /**
   * Waits, but not for ever, for a reset that goes on elsewhere: a legacy driver takes it as done when its write returns.
   * Absent: there is nothing to wait for on this thread.
   */
  finishReset?(): void;
  /** The state of the device beyond queues and configuration, while its queues are stopped. What it throws is thrown. */
  saveDevice(): unknown;
  /** The reverse, before `activate`. The state may be anything: the device throws where it is not one of its own. */
  restoreDevice(state: unknown): void;
  /** Resolves when all that has begun has come to its end; for threads with an event loop. */
  settled(): Promise<void>;
  /** Ends the device for good; resolves when it is gone. Idempotent. */
  close(): Promise<void>;
}
