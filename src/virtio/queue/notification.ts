/** Notification data: what a driver's kick says with VIRTIO_F_NOTIFICATION_DATA (2.9). */
import { NOTIFICATION_INDEX_BITS, NOTIFICATION_INDEX_MASK } from '../spec/index.js';

export interface NotificationData {
  /** Queue index, or the queue's notif_config_data. */
  readonly queue: number;
  /** Where the driver makes the next descriptor available, as in QueuePosition. */
  readonly available: number;
}

/** Splits the 32-bit value that was written to the doorbell. A hint from the driver: nothing may rely on it. */
export function decodeNotification(value: number): NotificationData {
  return { queue: value & NOTIFICATION_INDEX_MASK, available: value >>> NOTIFICATION_INDEX_BITS };
}

/** The inverse, for drivers. An unsigned 32-bit number. */
export function encodeNotification({ queue, available }: NotificationData): number {
  return ((available << NOTIFICATION_INDEX_BITS) | (queue & NOTIFICATION_INDEX_MASK)) >>> 0;
}
