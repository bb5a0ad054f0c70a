/** What a device that reads and writes files does with the segments of a chain: native code gets their addresses. */
import { FileIo, type Mapping, Memfd } from 'ioregion/native';
import type { ChainBuffers } from 'ioregion/virtio';
import { expect } from 'vitest';

/** Segments of each transfer, and the bytes that they have at most together: lengths go up to 4 GiB. */
const SEGMENTS = 8;
const MOST = 1 << 20;
const SLOT = 0;

export class NativeIo implements Disposable {
  readonly #file = Memfd.create({ name: 'native-io', size: 2 * MOST });
  readonly #io = FileIo.open(this.#file, { slots: 1, segmentsPerSlot: SEGMENTS, engine: 'sync' });
  readonly #attached = new Map<Mapping, number>();

  /** Reads the file into the segments. */
  fill(half: ChainBuffers): void {
    if (half.segmentCount === 0) return;
    this.#io.read(SLOT, 0);
    this.#transfer(half);
  }

  /** Writes the segments to the file. */
  drain(half: ChainBuffers): void {
    if (half.segmentCount === 0) return;
    this.#io.write(SLOT, 0);
    this.#transfer(half);
  }

  /** The kernel moves every byte, and no other: it stops at pages that are inaccessible. */
  #transfer(half: ChainBuffers): void {
    let wanted = 0;
    for (let i = 0; i < Math.min(half.segmentCount, SEGMENTS); i++) {
      const length = Math.min(half.length(i), MOST - wanted);
      if (length === 0) break;
      this.#io.addSegment(SLOT, this.#number(half.region(i).mapping), half.offset(i), length);
      wanted += length;
    }
    this.#io.submit();
    expect(this.#io.result(SLOT)).toBe(wanted);
  }

  #number(mapping: Mapping): number {
    const known = this.#attached.get(mapping) ?? this.#io.attach(mapping);
    this.#attached.set(mapping, known);
    return known;
  }

  [Symbol.dispose](): void {
    this.#io.close();
    this.#file.close();
  }
}
