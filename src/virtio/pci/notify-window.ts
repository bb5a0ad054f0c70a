/** The doorbells of a device (4.1.4.4, 4.1.5.2): each queue has its own, so the address says which one is kicked. */
import type { RegisterDevice } from '../../ioregion/device.js';
import { NOTIFICATION_INDEX_MASK } from '../spec/index.js';
import type { TransportCore } from '../transport/index.js';
import { NOTIFY_MULTIPLIER } from './layout.js';

const ALL_ONES = 0xffffffff;
/** What a notification carries with VIRTIO_F_NOTIF_CONFIG_DATA: not the queue index, so that mixing them up shows. */
const NOTIF_CONFIG_BASE = 0x4000;

/** QUEUE_NOTIF_CONFIG_DATA of a queue. */
export function notifConfigData(queue: number): number {
  return (NOTIF_CONFIG_BASE + queue) & 0xffff;
}

/**
 * Without notification data the value written is not looked at, so that a kick does the same whether it comes this way or as
 * an ioeventfd. With it the write has four bytes and names its queue, or is refused.
 */
export class NotifyWindow implements RegisterDevice {
  readonly #core: TransportCore;

  constructor(core: TransportCore) {
    this.#core = core;
  }

  read(): number {
    return ALL_ONES;
  }

  write(offset: number, size: number, value: number): void {
    const queue = offset / NOTIFY_MULTIPLIER;
    const { queues, refusals } = this.#core;
    if (Number.isInteger(queue) && this.#accepts(queue, size, value)) queues.kick(queue);
    else refusals.kick += 1;
  }

  #accepts(queue: number, size: number, value: number): boolean {
    const { features } = this.#core;
    if (!this.#core.speaks('modern')) return false;
    if (!features.notificationData) return true;
    const expected = features.notifConfigData ? notifConfigData(queue) : queue;
    return size === NOTIFY_MULTIPLIER && (value & NOTIFICATION_INDEX_MASK) === expected;
  }
}
