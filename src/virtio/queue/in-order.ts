/** VIRTIO_F_IN_ORDER: buffers are used in the order in which they were made available (6.2). */
import { ChainState, type QueueChain } from './queue-chain.js';

/** The chains in flight in their order. Those completed early are held until all before them are completed. */
export class InOrder {
  private readonly chains: (QueueChain | undefined)[];
  private first = 0;
  private count = 0;

  constructor(queueSize: number) {
    this.chains = new Array<QueueChain | undefined>(queueSize).fill(undefined);
  }

  add(chain: QueueChain): void {
    this.chains[(this.first + this.count) % this.chains.length] = chain;
    this.count++;
  }

  /** Removes and returns the oldest chain where the device has completed it. */
  next(): QueueChain | undefined {
    const chain = this.chains[this.first];
    if (chain?.state !== ChainState.held) return undefined;
    this.chains[this.first] = undefined;
    this.first = (this.first + 1) % this.chains.length;
    this.count--;
    return chain;
  }
}
