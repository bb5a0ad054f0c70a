/** Guest memory between canaries, for drivers that want a device to write where it may not. */
import { GuestMemory, type RegionLayout } from '../../memory/index.js';
import { Mapping, Memfd, PAGE_SIZE } from '../../native/index.js';

const CANARY = 0xa5;

/**
 * Each region is mapped by itself, and lies in the file between two pages that no device can reach by right; the pages
 * are looked at through a mapping of their own.
 */
export class GuardedMemory implements Disposable {
  readonly memory: GuestMemory;
  readonly #all: Mapping;
  /** Offsets of the guard pages in the file. */
  readonly #guards: readonly number[];

  private constructor(memory: GuestMemory, all: Mapping, guards: readonly number[]) {
    this.memory = memory;
    this.#all = all;
    this.#guards = guards;
    for (const at of guards) all.bytes.fill(CANARY, at, at + PAGE_SIZE);
  }

  static create(layout: readonly RegionLayout[]): GuardedMemory {
    const guards = [0];
    const regions = layout.map(({ gpa, size, readonly = false }) => {
      const offset = guards.at(-1)! + PAGE_SIZE;
      guards.push(offset + size);
      return { gpa, size, readonly, file: 0, offset };
    });
    using file = Memfd.create({ name: 'guarded', size: guards.at(-1)! + PAGE_SIZE });
    const memory = GuestMemory.fromShared({ fds: [file.number], regions });
    return new GuardedMemory(memory, Mapping.ofFile(file, { length: file.size() }), guards);
  }

  /** Whether every byte around the regions is as it was. */
  get intact(): boolean {
    const { bytes } = this.#all;
    return this.#guards.every((at) => bytes.subarray(at, at + PAGE_SIZE).every((byte) => byte === CANARY));
  }

  close(): void {
    this.memory.close();
    this.#all.unmap();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
