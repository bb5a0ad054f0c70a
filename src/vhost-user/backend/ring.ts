/** One vring as the frontend has described it. */
import type { EventFd } from '../../native/index.js';
import type { QueuePosition } from '../../virtio/queue/index.js';
import type { VringAddress } from '../message/index.js';

/** Where kicks come from: nothing yet, an eventfd, messages, or nobody tells and the ring is looked at. */
export type KickSource = 'none' | 'fd' | 'inband' | 'poll';

export class Ring {
  readonly index: number;
  readonly maxSize: number;
  size: number;
  address: VringAddress | null = null;
  /** Where it starts, or has stopped; null: at the beginning. */
  position: QueuePosition | null = null;
  /** Where the device stopped it that has been reset since: QEMU before 8.1 resets first, and then asks. */
  #before: QueuePosition | null = null;
  kickSource: KickSource = 'none';
  kick: EventFd | null = null;
  /** An eventfd, or whatever else takes the 8 bytes of one. */
  call: EventFd | null = null;
  err: EventFd | null = null;
  /** null: the frontend has said nothing. */
  enabled: boolean | null = null;
  /** From its first kick (or kick descriptor) to GET_VRING_BASE. */
  started = false;
  /** The device has it. */
  running = false;

  constructor(index: number, maxSize: number) {
    this.index = index;
    this.maxSize = maxSize;
    this.size = maxSize;
  }

  /** Where it has stopped; null: it has not run. */
  get stoppedAt(): QueuePosition | null {
    return this.position ?? this.#before;
  }

  /** It runs from `position`. */
  begin(): void {
    this.running = true;
    this.#before = null;
  }

  setKick(source: KickSource, kick: EventFd | null): void {
    this.kick?.close();
    this.kick = kick;
    this.kickSource = source;
  }

  setCall(call: EventFd | null): void {
    this.call?.close();
    this.call = call;
  }

  setErr(err: EventFd | null): void {
    this.err?.close();
    this.err = err;
  }

  /** A device reset: it has to be started and enabled again. */
  reset(): void {
    this.enabled = null;
    this.started = false;
    this.#before = this.stoppedAt;
    this.position = null;
  }

  close(): void {
    this.setKick('none', null);
    this.setCall(null);
    this.setErr(null);
  }
}
