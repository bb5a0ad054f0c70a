/** A driver of a disk that writes and reads at random, many requests at a time, and knows what every block must hold. */
import { BlockRequestType, SECTOR_BYTES } from 'ioregion/virtio';
import type { MockQueue, Used } from '../../../src/testing/index.js';
import { Random } from '../../stress/random.js';

const BLOCK_BYTES = 4096;
const SECTORS = BLOCK_BYTES / SECTOR_BYTES;
const OK = 0;

export class BlockLoad {
  /** What went wrong, in words. */
  readonly errors: string[] = [];
  completed = 0;
  readonly #queue: () => MockQueue;
  readonly #random: Random;
  /** By block: how often it has been written. */
  readonly #generations: number[];
  /** Blocks that a request is under way for. */
  readonly #busy = new Set<number>();

  constructor(queue: () => MockQueue, imageBytes: number, seed: number) {
    this.#queue = queue;
    this.#random = new Random(seed);
    this.#generations = Array.from({ length: Math.floor(imageBytes / BLOCK_BYTES) }, () => 0);
  }

  /** `requests` of them, `depth` at a time. */
  async run(requests: number, depth: number): Promise<void> {
    let left = requests;
    const worker = async (): Promise<void> => {
      while (left-- > 0) await this.#one();
    };
    await Promise.all(Array.from({ length: depth }, worker));
  }

  /** Reads all that was ever written. */
  async verify(): Promise<void> {
    for (const [block, generation] of this.#generations.entries()) if (generation > 0) await this.#read(block);
  }

  async flush(): Promise<void> {
    const used = await this.#queue().send([{ bytes: header(BlockRequestType.flush, 0) }, { room: 1 }]);
    this.#check(used, 'flush');
  }

  async #one(): Promise<void> {
    const block = this.#freeBlock();
    this.#busy.add(block);
    if (this.#random.below(3) === 0) await this.#read(block);
    else await this.#write(block);
    this.#busy.delete(block);
    this.completed++;
  }

  #freeBlock(): number {
    let block = this.#random.below(this.#generations.length);
    while (this.#busy.has(block)) block = (block + 1) % this.#generations.length;
    return block;
  }

  async #write(block: number): Promise<void> {
    const generation = this.#generations[block]! + 1;
    const bytes = contentOf(block, generation);
    const request = [{ bytes: header(BlockRequestType.out, block * SECTORS) }, { bytes }, { room: 1 }];
    this.#check(await this.#queue().send(request), `write of block ${block}`);
    this.#generations[block] = generation;
  }

  async #read(block: number): Promise<void> {
    const expected = contentOf(block, this.#generations[block]!);
    const request = [{ bytes: header(BlockRequestType.in, block * SECTORS) }, { room: BLOCK_BYTES }, { room: 1 }];
    const used = await this.#queue().send(request);
    this.#check(used, `read of block ${block}`);
    if (Buffer.compare(used.room.subarray(0, BLOCK_BYTES), expected) !== 0)
      this.errors.push(`block ${block} is not what was written as number ${this.#generations[block]}`);
  }

  #check({ room }: Used, what: string): void {
    if (room.at(-1) !== OK) this.errors.push(`${what}: status ${room.at(-1)}`);
  }
}

function header(type: number, sector: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(sector), true);
  return bytes;
}

/** Zeros before the first write. */
function contentOf(block: number, generation: number): Uint8Array {
  const words = new Uint32Array(BLOCK_BYTES / 4);
  if (generation > 0) for (let at = 0; at < words.length; at++) words[at] = Math.imul(block, 65599) + generation + at;
  return new Uint8Array(words.buffer);
}
