/** Keeps the inflight part of a packed queue, and finds in it what a backend that died has left. */
import type { ObservedChain, QueueObserver, QueuePosition, RecoveredChain } from '../../../virtio/queue/index.js';
import { DescriptorFlag, RingPosition } from '../../../virtio/spec/index.js';
import { byCounter, writeCounter } from './counter.js';
import { INFLIGHT_VERSION, PackedEntry, PackedPart } from './layout.js';

const STATE = DescriptorFlag.avail | DescriptorFlag.used;
const IN_FLIGHT = 1;
/** Written to the ring, and maybe not yet shown to the driver. */
const USED = 2;

/**
 * Each descriptor in flight has an entry; those of a chain are linked, and the first one stands for it. The others are in
 * the free list. The part is the frontend's memory: what it says is believed only within its bounds.
 */
export class PackedTracker implements QueueObserver {
  /** Chains in flight when the part was last written to, oldest first. */
  readonly recovered: readonly RecoveredChain[];
  /** Where the queue goes on: behind what has been used, and behind what is in flight. */
  readonly position: QueuePosition;
  readonly #view: DataView;
  readonly #words: Uint32Array;
  readonly #ring: Uint32Array;
  readonly #size: number;
  /** By buffer ID: the first entry of its chain. */
  readonly #entryOf = new Map<number, number>();
  /** First entries of recovered chains, in the order in which they are taken again. */
  readonly #again: number[];
  readonly #batch: number[] = [];
  #counter = 1;
  /** used_idx, old_used_idx and the wrap counters, which are stored at once: no moment is between them. */
  readonly #positions = new DataView(new ArrayBuffer(8));
  readonly #storedPositions: Float64Array;
  readonly #newPositions = new Float64Array(this.#positions.buffer);

  /** `ring`: the descriptors of the queue, 4 words each. `used`: where it goes on if the part is new. */
  constructor(part: Uint8Array, ring: Uint32Array, queueSize: number, used: number) {
    this.#view = new DataView(part.buffer, part.byteOffset, part.length);
    this.#words = new Uint32Array(part.buffer, part.byteOffset, part.length / 4);
    this.#storedPositions = new Float64Array(part.buffer, part.byteOffset + PackedPart.usedIdx, 1);
    this.#ring = ring;
    this.#size = queueSize;
    if (this.#field(PackedPart.version) === INFLIGHT_VERSION) this.#loadPositions();
    else this.#begin(part, used);
    this.#endBatch();
    this.#again = this.#inFlight();
    this.recovered = this.#again.map((entry) => this.#chainAt(entry));
    this.position = this.#positionBehind(this.recovered);
    this.#rebuildFreeList();
  }

  taken(chain: ObservedChain, at: number): void {
    const first = at < 0 ? this.#again.shift()! : this.#copyChain(chain, at);
    writeCounter(this.#words, entryAt(first, PackedEntry.counter), this.#counter++);
    this.#view.setUint8(entryAt(first, PackedEntry.inflight), IN_FLIGHT);
    this.#entryOf.set(chain.head, first);
  }

  used({ head, descriptors }: ObservedChain): void {
    const entry = this.#entryOf.get(head)!;
    this.#entryOf.delete(head);
    this.#batch.push(entry);
    this.#view.setUint8(entryAt(entry, PackedEntry.inflight), USED);
    this.#advance(descriptors);
  }

  published(): void {
    for (const entry of this.#batch) this.#free(entry);
    this.#batch.length = 0;
    this.#commit();
  }

  kicksSet(): void {}

  #begin(part: Uint8Array, used: number): void {
    part.fill(0);
    this.#setField(PackedPart.entries, this.#size);
    this.#positions.setUint16(0, (used & RingPosition.offsetMask) % this.#size, true);
    this.#positions.setUint8(4, used >>> 15);
    this.#commit();
    this.#setField(PackedPart.version, INFLIGHT_VERSION);
  }

  #loadPositions(): void {
    this.#newPositions[0] = this.#storedPositions[0]!;
    this.#positions.setUint16(0, this.#positions.getUint16(0, true) % this.#size, true);
    this.#positions.setUint16(2, this.#positions.getUint16(2, true) % this.#size, true);
    this.#positions.setUint16(4, this.#positions.getUint16(4, true) & 0x101, true);
  }

  #advance(descriptors: number): void {
    const next = this.#positions.getUint16(0, true) + descriptors;
    const wraps = next >= this.#size;
    this.#positions.setUint16(0, wraps ? next - this.#size : next, true);
    if (wraps) this.#positions.setUint8(4, this.#positions.getUint8(4) ^ 1);
    this.#storedPositions[0] = this.#newPositions[0]!;
  }

  /** What has been written is what counts. */
  #commit(): void {
    this.#positions.setUint16(2, this.#positions.getUint16(0, true), true);
    this.#positions.setUint8(5, this.#positions.getUint8(4));
    this.#storedPositions[0] = this.#newPositions[0]!;
  }

  /** A backend that died in the middle of a batch: whether the driver has been shown it tells if it counts. */
  #endBatch(): void {
    const positions = this.#positions;
    const shown = this.#isUsed(positions.getUint16(2, true), positions.getUint8(5) !== 0);
    const moved =
      positions.getUint16(0, true) !== positions.getUint16(2, true) || positions.getUint8(4) !== positions.getUint8(5);
    for (let entry = 0; entry < this.#size; entry++) {
      if (this.#view.getUint8(entryAt(entry, PackedEntry.inflight)) !== USED) continue;
      // Not moved: it died between this mark and the position.
      this.#view.setUint8(entryAt(entry, PackedEntry.inflight), moved && shown ? 0 : IN_FLIGHT);
    }
    if (moved && !shown) {
      this.#takeBack();
      positions.setUint16(0, positions.getUint16(2, true), true);
      positions.setUint8(4, positions.getUint8(5));
    }
    this.#commit();
  }

  /**
   * Of a batch that was not published, all used descriptors but the first are in the ring, the last maybe not yet in the position. The
   * driver would see them behind the first one that is published now: they become available ones again.
   */
  #takeBack(): void {
    let at = this.#positions.getUint16(2, true);
    let wrap = this.#positions.getUint8(5) !== 0;
    const moved = this.#positions.getUint16(0, true) - at;
    for (let left = moved > 0 ? moved : moved + this.#size; left >= 0; left--) {
      if (this.#isUsed(at, wrap)) this.#ring[4 * at + 3]! ^= DescriptorFlag.used << 16;
      at++;
      if (at < this.#size) continue;
      at = 0;
      wrap = !wrap;
    }
  }

  /** Whether the descriptor at `offset` is a used one of this lap. */
  #isUsed(offset: number, wrap: boolean): boolean {
    return ((this.#ring[4 * offset + 3]! >>> 16) & STATE) === (wrap ? STATE : 0);
  }

  #inFlight(): number[] {
    const entries = [...Array(this.#size).keys()];
    const flying = entries.filter((entry) => this.#view.getUint8(entryAt(entry, PackedEntry.inflight)) !== 0);
    return byCounter(flying, this.#words, (entry) => entryAt(entry, PackedEntry.counter));
  }

  #chainAt(first: number): RecoveredChain {
    const links = this.#entriesOf(first);
    const descriptors = new Uint32Array(4 * links.length);
    links.forEach((entry, i) => {
      const at = entryAt(entry, 0);
      const flags = (this.#view.getUint16(at + PackedEntry.flags, true) & ~STATE) | DescriptorFlag.avail;
      descriptors[4 * i] = this.#view.getUint32(at + PackedEntry.address, true);
      descriptors[4 * i + 1] = this.#view.getUint32(at + PackedEntry.address + 4, true);
      descriptors[4 * i + 2] = this.#view.getUint32(at + PackedEntry.length, true);
      descriptors[4 * i + 3] = this.#view.getUint16(at + PackedEntry.id, true) | (flags << 16);
    });
    return { head: descriptors.at(-1)! & 0xffff, descriptors };
  }

  /** The entries of a chain. */
  #entriesOf(first: number): number[] {
    const count = Math.min(Math.max(this.#entryField(first, PackedEntry.num), 1), this.#size);
    const links = [first];
    while (links.length < count) links.push(this.#entryField(links.at(-1)!, PackedEntry.next) % this.#size);
    return links;
  }

  #positionBehind(chains: readonly RecoveredChain[]): QueuePosition {
    const offset = this.#positions.getUint16(0, true);
    const wrap = this.#positions.getUint8(4) !== 0;
    const next = offset + chains.reduce((sum, { descriptors }) => sum + descriptors!.length / 4, 0);
    const available = next < this.#size ? encode(next, wrap) : encode(next - this.#size, !wrap);
    return { used: encode(offset, wrap), available };
  }

  #rebuildFreeList(): void {
    const taken = new Set(this.#again.flatMap((first) => this.#entriesOf(first)));
    const free = [...Array(this.#size).keys()].filter((entry) => !taken.has(entry));
    free.forEach((entry, i) => {
      this.#setEntry(entry, PackedEntry.next, free[i + 1] ?? 0);
    });
    this.#setFreeHead(free[0] ?? 0);
  }

  /** Takes as many entries from the free list as the chain has descriptors, and copies these. */
  #copyChain({ descriptors }: ObservedChain, offset: number): number {
    const first = this.#field(PackedPart.freeHead);
    let entry = first;
    for (let i = 0; i < descriptors; i++) {
      this.#copy(entry, (offset + i) % this.#size);
      this.#setEntry(first, PackedEntry.last, entry);
      entry = this.#entryField(entry, PackedEntry.next) % this.#size;
    }
    this.#setEntry(first, PackedEntry.num, descriptors);
    this.#setFreeHead(entry);
    return first;
  }

  #copy(entry: number, offset: number): void {
    const at = entryAt(entry, 0);
    const control = this.#ring[4 * offset + 3]!;
    this.#view.setUint32(at + PackedEntry.address, this.#ring[4 * offset]!, true);
    this.#view.setUint32(at + PackedEntry.address + 4, this.#ring[4 * offset + 1]!, true);
    this.#view.setUint32(at + PackedEntry.length, this.#ring[4 * offset + 2]!, true);
    this.#view.setUint16(at + PackedEntry.id, control & 0xffff, true);
    this.#view.setUint16(at + PackedEntry.flags, control >>> 16, true);
  }

  #free(entry: number): void {
    this.#view.setUint8(entryAt(entry, PackedEntry.inflight), 0);
    const last = this.#entriesOf(entry).at(-1)!;
    this.#setEntry(last, PackedEntry.next, this.#field(PackedPart.freeHead));
    this.#setFreeHead(entry);
  }

  #setFreeHead(entry: number): void {
    this.#setField(PackedPart.freeHead, entry);
    this.#setField(PackedPart.oldFreeHead, entry);
  }

  #field(field: number): number {
    return this.#view.getUint16(field, true);
  }

  #setField(field: number, value: number): void {
    this.#view.setUint16(field, value, true);
  }

  #entryField(entry: number, field: number): number {
    return this.#view.getUint16(entryAt(entry, field), true);
  }

  #setEntry(entry: number, field: number, value: number): void {
    this.#view.setUint16(entryAt(entry, field), value, true);
  }
}

function entryAt(entry: number, field: number): number {
  return PackedPart.size + PackedEntry.size * entry + field;
}

function encode(offset: number, wrap: boolean): number {
  return offset | (wrap ? RingPosition.wrap : 0);
}
