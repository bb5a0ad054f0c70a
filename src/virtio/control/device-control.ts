/** The seam between a transport and the device it drives, wherever that runs. */
import type { EventFd } from '../../native/index.js';
import type { InterruptSource } from '../interrupt/index.js';
import type { QueuePosition, QueueSetup } from '../queue/index.js';
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
}

/**
 * One transport drives one device through it. Nothing here throws or rejects: what goes wrong shows as `needsReset` in the
 * state. A transport on a thread that never returns to its event loop (a vCPU, a region server) sees the end of `reset` and
 * `stopQueue` in the state, too, and need not await them.
 */
export interface DeviceControl {
  readonly description: DeviceDescription;
  /** Configuration space as the driver reads it. */
  readonly config: SharedConfig;
  readonly state: ControlState;
  /** Whether `kickFd`s are watched; false where kicks must be calls. */
  readonly watchesKicks: boolean;

  /** DRIVER_OK: starts the device and these queues. From here on it raises interrupts. */
  activate(driverFeatures: bigint, queues: readonly QueueStart[], interrupts: InterruptSource): void;
  /** Starts one queue of an active device, after its reset. */
  startQueue(queue: QueueStart): void;
  /** Resolves with the position when nothing of the queue is in flight; null where it did not run. */
  stopQueue(index: number): Promise<QueuePosition | null>;
  /** The driver made chains available in a running queue. */
  kick(index: number): void;
  /** A driver's write of `size` (1, 2 or 4) bytes inside configuration space; later reads see what the device made of it. */
  writeConfig(offset: number, size: number, value: number): void;
  /** Stops all queues and resets the device; resolves when nothing is in flight. `busy` in the state until then. */
  reset(): Promise<void>;
  /** Ends the device for good. Idempotent. */
  close(): Promise<void>;
}
