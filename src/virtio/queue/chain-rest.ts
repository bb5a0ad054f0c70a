/** Adding descriptors to a chain one by one, where the loops of the readers stop. */
import type { Descriptor } from './descriptor.js';
import type { RingFaults } from './ring-faults.js';
import type { SegmentList } from './segment-list.js';

/** Each method answers false where a rule was broken, which it has reported, or where there is no room. */
export class ChainRest {
  declare private readonly faults: RingFaults;
  declare private chain: SegmentList;
  private byteLength = 0;
  private writing = 0;

  constructor(faults: RingFaults) {
    this.faults = faults;
  }

  /** What the chain has so far: `count` segments of so many bytes, `writing` is 0 where all are readable. */
  begin(chain: SegmentList, count: number, byteLength: number, writing: number): void {
    this.chain = chain;
    this.byteLength = byteLength;
    this.writing = writing;
    chain.beginRest(count);
  }

  add({ index, address, length }: Descriptor, writable: boolean): boolean {
    if (this.writing !== 0 && !writable) return this.faults.fail('chain-order', `descriptor ${index} is readable`);
    if (this.writing === 0 && writable) this.turn();
    this.byteLength += length;
    return this.chain.add(address, length, writable);
  }

  private turn(): void {
    this.writing = 1;
    this.chain.endReadable(this.chain.count, this.byteLength);
  }

  end(): boolean {
    return this.chain.endRest(this.chain.count, this.byteLength, this.writing);
  }
}
