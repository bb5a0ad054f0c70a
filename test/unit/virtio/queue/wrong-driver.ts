/** A driver that writes anything anywhere in its rings, a device that uses whatever comes, and what holds all the same. */
import fc from 'fast-check';
import type { GuestMemory } from 'ioregion/memory';
import { hookMemory, type MemoryHook, type RingPlace } from 'ioregion/testing';
import { type Chain, type ChainBuffers, createQueue, type QueueEngine, type QueueError } from 'ioregion/virtio';
import { expect } from 'vitest';
import { Random } from '#dist/test/stress/random.js';
import { NativeIo } from './native-io.js';
import { type Format, type SetUp, Subject } from './subject.js';

/** RAM with a hole, ROM, and another region next to it. */
export const LAYOUT = [
  { gpa: 0, size: 0x20000 },
  { gpa: 0x30000, size: 0x1000, readonly: true },
  { gpa: 0x31000, size: 0x1000 },
];
const EDGES = [0, 0x10000, 0x1fff0, 0x1ffff, 0x20000, 0x2ffff, 0x30000, 0x31000, 0x31fff, 2 ** 32 - 1];
/** Bytes copied for one chain: lengths go up to 4 GiB. */
const MOST = 5000;

export type Deed =
  | { readonly do: 'send' | 'serve' | 'kicks' | 'noKicks' }
  /** Writes `size` bytes at `offset`, modulo the areas. */
  | { readonly do: 'poke'; readonly offset: number; readonly size: 1 | 2 | 4; readonly value: number }
  | {
      readonly do: 'descriptor';
      readonly index: number;
      readonly address: number;
      readonly length: number;
      readonly flags: number;
      readonly link: number;
    }
  | { readonly do: 'available'; readonly ahead: number };

const address = fc.oneof(fc.constantFrom(...EDGES), fc.nat(0x33000));
const length = fc.oneof(fc.nat(64), fc.constantFrom(0, 16, 32, 0x1000, 0x20000, 0x7fffffff, 0x80000000, 0xffffffff));
const smallOrAny = fc.oneof(fc.nat(20), fc.nat(0xffff));

export function deeds(format: Format): fc.Arbitrary<Deed> {
  const state = format === 'packed' ? [0, 0x80, 0x8000, 0x8080] : [0];
  const flags = fc.tuple(fc.nat(7), fc.constantFrom(...state)).map(([low, high]) => low | high);
  return fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('send' as const, 'serve' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('kicks' as const, 'noKicks' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('descriptor' as const),
        index: fc.oneof(fc.nat(3), fc.nat(255)),
        address,
        length,
        flags,
        link: smallOrAny,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('available' as const), ahead: fc.oneof(fc.nat(4), fc.nat(0xffff)) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('poke' as const),
        offset: fc.nat(),
        size: fc.constantFrom(1 as const, 2 as const, 4 as const),
        value: fc.nat(0xffffffff),
      }),
    },
  );
}

/** Memory that is as written, most of the time. */
export class FreshBytes {
  readonly #random: Random;
  #left = 0;

  constructor(seed: number) {
    this.#random = new Random(seed + 1);
  }

  load(size: number, value: number): number {
    if (this.#left-- > 0) return value;
    this.#left = this.#random.below(20);
    const fresh = this.#random.below(2) === 0 ? this.#random.next() : value ^ (1 << this.#random.below(8 * size));
    return size === 2 ? fresh & 0xffff : fresh >>> 0;
  }
}

interface WrongOptions {
  readonly made: SetUp;
  readonly size: number;
  readonly position: number | undefined;
  readonly memory: GuestMemory;
  readonly seed: number;
  readonly fresh?: FreshBytes;
}

export class WrongDriver {
  readonly #memory: GuestMemory;
  readonly #subject: Subject;
  readonly #place: RingPlace;
  readonly #engine: QueueEngine;
  readonly #random: Random;
  readonly #io = new NativeIo();
  readonly #held: Chain[] = [];
  readonly #errors: QueueError[] = [];
  #calls = 0;

  constructor({ made, size, position, memory, seed, fresh }: WrongOptions) {
    const start = position === undefined ? {} : { position };
    this.#memory = memory;
    this.#random = new Random(seed);
    this.#subject = new Subject(made, { size, memory, ...start });
    this.#place = this.#subject.ring.place;
    const hook: MemoryHook = { store: (gpa, bytes) => this.#checkStore(gpa, bytes) };
    if (fresh !== undefined) hook.load = (_gpa, bytes, value) => fresh.load(bytes, value);
    this.#engine = createQueue(this.#subject.queue.setup, hookMemory(memory, hook), {
      call: () => void this.#calls++,
      failed: (error) => void this.#errors.push(error),
    });
  }

  carryOut(deed: Deed): void {
    if (deed.do === 'send') this.#send();
    else if (deed.do === 'serve') this.#serve();
    else if (deed.do === 'kicks') this.#engine.enableKicks();
    else if (deed.do === 'noKicks') this.#engine.disableKicks();
    else if (deed.do === 'poke') this.#poke(deed);
    else if (deed.do === 'descriptor') this.#describe(deed);
    else this.#makeAvailable(deed.ahead);
  }

  finish(): void {
    this.#serve();
    this.#engine.stop();
    for (const chain of this.#held) chain.complete(0);
    expect(this.#engine.pop()).toBeNull();
    expect(this.#engine.inFlight).toBe(0);
    expect(this.#errors.length).toBeLessThanOrEqual(1);
    for (const { code } of this.#errors) expect(code).toMatch(/^ERR_IOREGION_QUEUE_/);
    this.#io[Symbol.dispose]();
  }

  #send(): void {
    const { queue } = this.#subject;
    if (queue.freeDescriptors < 2) return;
    queue.add([{ bytes: Uint8Array.of(1, 2, 3) }, { room: 16 }]);
    queue.publish();
  }

  /** What a device does, with bounds of its own only against a test that takes for ever. */
  #serve(): void {
    const { size } = this.#engine;
    for (let count = 0; count <= size; count++) {
      const chain = this.#engine.pop();
      if (chain === null) break;
      expect(count).toBeLessThan(size);
      expect(this.#engine.inFlight).toBeLessThanOrEqual(size);
      this.#use(chain);
    }
    this.#engine.flush();
  }

  #use(chain: Chain): void {
    const { readable, writable } = chain;
    this.#checkSegments(readable, false);
    this.#checkSegments(writable, true);
    expect(readable.byteLength + writable.byteLength).toBeLessThan(2 ** 32);
    readable.copyTo(new Uint8Array(Math.min(readable.byteLength, MOST)));
    this.#io.drain(readable);
    this.#io.fill(writable);
    const written = writable.fill(0xee, 0, Math.min(writable.byteLength, MOST));
    if (this.#random.below(4) === 0) this.#held.push(chain);
    else chain.complete(written);
    while (this.#held.length > 0 && this.#random.below(2) === 0)
      this.#held.splice(this.#random.below(this.#held.length), 1)[0]!.complete(0);
  }

  /** Each in one region of guest memory, and none that is written to in ROM. */
  #checkSegments(half: ChainBuffers, written: boolean): void {
    let total = 0;
    for (let i = 0; i < half.segmentCount; i++) {
      const region = this.#memory.regionAt(half.address(i), half.length(i));
      expect(half.length(i)).toBeGreaterThan(0);
      if (written) expect(region.readonly).toBe(false);
      total += half.length(i);
    }
    expect(half.byteLength).toBe(total);
  }

  /** The engine itself writes used entries and its wishes, and nothing else. */
  #checkStore(gpa: number, bytes: number): void {
    const { descriptors, driverArea, deviceArea, end } = this.#place;
    const inDevice = gpa >= deviceArea && gpa + bytes <= end;
    const inRing = this.#subject.ring.format === 'packed' && gpa >= descriptors && gpa + bytes <= driverArea;
    if (!inDevice && !inRing) throw new Error(`the engine wrote ${bytes} byte(s) at 0x${gpa.toString(16)}`);
  }

  #poke({ offset, size, value }: Extract<Deed, { do: 'poke' }>): void {
    const { descriptors, end } = this.#place;
    const at = descriptors + ((Math.floor(offset / size) * size) % (end - descriptors));
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.#memory.write(at, bytes.subarray(0, size));
  }

  #describe({ index, address: at, length: bytes, flags, link }: Extract<Deed, { do: 'descriptor' }>): void {
    const { descriptors, size } = this.#subject.ring;
    descriptors.set(index % size, { address: at, length: bytes, flags, next: link });
  }

  #makeAvailable(ahead: number): void {
    const { ring } = this.#subject;
    if (ring.format === 'packed') return;
    ring.makeAvailable(this.#random.below(ring.size + 1));
    ring.fields.availIdx = ring.fields.availIdx + ahead;
  }
}
