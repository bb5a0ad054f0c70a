/** Where a loop that reads ahead has left a chain that is not usual. */
import type { QueueChain } from './queue-chain.js';

/** Plain fields, so that a loop leaves a chain without a call: each value that lives across one costs a store in every turn. */
export class UnreadChain {
  declare chain: QueueChain;
  /** What the descriptor is in: the ring, or a table. From word `first` to before word `end`. */
  declare words: Uint32Array;
  first = 0;
  end = 0;
  /** Word where the descriptor begins, and its words; of its address the offset in the recent region, modulo 2^32. */
  at = 0;
  offset = 0;
  high = 0;
  length = 0;
  control = 0;
  /** Word behind the last segment of the chain, and how long those before are. */
  to = 0;
  byteLength = 0;
  /** The write flag once a segment was writable; in a packed ring with the bits of an available descriptor. */
  writing = 0;

  constructor(chain: QueueChain, words: Uint32Array) {
    this.chain = chain;
    this.words = words;
  }

  get segmentCount(): number {
    return this.to >> 2;
  }

  /** Number of the descriptor in what it is in, and how many there are. */
  get index(): number {
    return (this.at - this.first) >> 2;
  }

  get entries(): number {
    return (this.end - this.first) >> 2;
  }
}
