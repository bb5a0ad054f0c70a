/** Devices that hostile drivers meet. */
import type { Chain, VirtioDevice, VirtQueue } from 'ioregion/virtio';

/** Keeps every chain until it is told to complete it. */
export class HoldingDevice implements VirtioDevice {
  readonly deviceType = 4;
  readonly features = 0n;
  readonly queueSizes = [8, 8];
  readonly config = { bytes: new Uint8Array(0) };
  readonly held: Chain[] = [];
  kicks = 0;
  readonly #queues: (VirtQueue | undefined)[] = [];

  startQueue(index: number, queue: VirtQueue): void {
    this.#queues[index] = queue;
  }

  kick(index: number): void {
    this.kicks++;
    const queue = this.#queues[index]!;
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) this.held.push(chain);
  }

  /** Completes all it has, and once more what it had before. */
  release(index: number): void {
    for (const chain of this.held.splice(0)) chain.complete(chain.writable.copyFrom(Uint8Array.of(1)));
    this.#queues[index]?.flush();
  }

  stopQueue(index: number): void {
    this.#queues[index] = undefined;
  }
}
