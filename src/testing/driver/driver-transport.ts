/** What a driver does to a device, whatever lies between them. */
import type { QueueSetup } from '../../virtio/index.js';

/** Whom the device tells something. */
export interface DriverEvents {
  /** A used buffer notification. */
  called(queue: number): void;
  /** A configuration change notification. */
  configChanged(): void;
}

export interface DriverTransport {
  /** Set by the driver before it does anything else. */
  events: DriverEvents;
  /** What the device offers (2.2). */
  readonly offered: bigint;
  /** The largest size of each queue. */
  readonly queueSizes: readonly number[];
  /** DEVICE_NEEDS_RESET (2.1.2). */
  readonly needsReset: boolean;

  /** Steps 2 to 6 of 3.1.1, after a reset. False where the device refuses these features. */
  negotiate(features: bigint): boolean;
  /** Sets up a queue: before DRIVER_OK, or after a queue reset. */
  enableQueue(setup: QueueSetup): void;
  /** Step 8 of 3.1.1. */
  driverOk(): void;
  /** An available buffer notification; `position` as in NotificationData. */
  kick(queue: number, position: number): void;
  /** Resets one queue (2.6.1); resolves when nothing of it is in flight. */
  resetQueue(queue: number): Promise<void>;
  /** Resolves when nothing of the device is in flight. */
  reset(): Promise<void>;
}

/** Until there is a driver. */
export const NO_EVENTS: DriverEvents = { called() {}, configChanged() {} };
