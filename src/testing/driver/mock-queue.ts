/** A ring with buffers: what a driver sends, and what comes back. */
import type { GuestMemory } from '../../memory/index.js';
import type { QueueSetup } from '../../virtio/index.js';
import { createRing } from '../ring/create-ring.js';
import type { RingBuffer, UsedChain } from '../ring/driver-ring.js';
import type { PackedRing } from '../ring/packed-ring.js';
import type { RingOptions } from '../ring/ring-options.js';
import type { SplitRing } from '../ring/split-ring.js';
import { BufferArena } from './buffer-arena.js';

/** Bytes to read, or room to write to. `gpa`: where; default anywhere in the queue's own memory. */
export type Segment =
  | { readonly bytes: Uint8Array; readonly gpa?: number }
  | { readonly room: number; readonly gpa?: number };

export interface Used {
  /** Used length. */
  readonly written: number;
  /** The bytes that the device says it has written. */
  readonly data: Uint8Array;
  /** All that was there for the device to write to. */
  readonly room: Uint8Array;
}

/** A chain that the driver has made available. */
export interface Sent {
  /** Head (split), or buffer ID (packed). */
  readonly id: number;
  readonly segments: readonly RingBuffer[];
  /** Set once the driver has collected it. */
  used: Used | undefined;
  readonly done: Promise<Used>;
}

export interface AddOptions {
  /** In an indirect table. Default: as `MockQueueOptions.indirect` says. */
  readonly indirect?: boolean;
}

export interface MockQueueOptions extends RingOptions {
  /** The queue's memory ends here (gpa); buffers lie behind the ring. */
  readonly end: number;
  /** Chains are put into indirect tables. Default false. */
  readonly indirect?: boolean;
  /** The driver kicks: what a transport does with `index` and, for notification data, the ring's position. */
  readonly kick: () => void;
}

interface Flight {
  readonly sent: Sent;
  /** What the arena gave. */
  readonly owned: readonly { readonly gpa: number; readonly length: number }[];
  readonly resolve: (used: Used) => void;
}

export class MockQueue {
  readonly ring: SplitRing | PackedRing;
  /** Calls that the device has made. */
  calls = 0;
  readonly #memory: GuestMemory;
  readonly #options: MockQueueOptions;
  readonly #arena: BufferArena;
  readonly #flights = new Map<number, Flight>();

  constructor(memory: GuestMemory, options: MockQueueOptions) {
    this.#memory = memory;
    this.#options = options;
    this.ring = createRing(memory, options);
    this.#arena = new BufferArena(this.ring.place.end, options.end);
  }

  get setup(): QueueSetup {
    return this.ring.setup;
  }

  /** Chains that the device has not used. */
  get inFlight(): number {
    return this.#flights.size;
  }

  get freeDescriptors(): number {
    return this.ring.free;
  }

  /** Writes a chain; the device sees it after `publish`. */
  add(segments: readonly Segment[], { indirect = this.#options.indirect ?? false }: AddOptions = {}): Sent {
    const owned: { gpa: number; length: number }[] = [];
    const take = (length: number): number => {
      const gpa = this.#arena.take(length);
      owned.push({ gpa, length });
      return gpa;
    };
    const buffers = segments.map((segment) => this.#place(segment, take));
    const id = this.ring.add(buffers, indirect ? take(16 * buffers.length) : undefined);
    const { promise, resolve } = deferred<Used>();
    const sent: Sent = { id, segments: buffers, used: undefined, done: promise };
    this.#flights.set(id, { sent, owned, resolve });
    return sent;
  }

  /** Shows the device all chains added. */
  publish(): void {
    this.ring.publish();
  }

  /** The same, and kicks it where it wants that. */
  kick(): void {
    this.publish();
    if (this.ring.needsKick()) this.#options.kick();
  }

  /** One chain: made available and kicked. */
  send(segments: readonly Segment[], options?: AddOptions): Promise<Used> {
    const { done } = this.add(segments, options);
    this.kick();
    return done;
  }

  /** The device has called. */
  called(): void {
    this.calls++;
    this.collect();
  }

  /** Takes what the device has used, and asks for a call for the next. Returns how many chains there were. */
  collect(): number {
    let count = 0;
    for (let used = this.ring.takeUsed(); used !== null; used = this.#next()) {
      this.#finish(used);
      count++;
    }
    return count;
  }

  /** The next chain; where there is none, once more after the device has been asked for a call. */
  #next(): UsedChain | null {
    const used = this.ring.takeUsed();
    if (used !== null) return used;
    this.ring.setCalls(true);
    return this.ring.takeUsed();
  }

  #place(segment: Segment, take: (length: number) => number): RingBuffer {
    const writable = 'room' in segment;
    const length = writable ? segment.room : segment.bytes.length;
    const gpa = segment.gpa ?? take(length);
    if (!writable) this.#memory.write(gpa, segment.bytes);
    return { gpa, length, writable };
  }

  #finish({ id, written }: UsedChain): void {
    const { sent, owned, resolve } = this.#flights.get(id)!;
    this.#flights.delete(id);
    const parts = sent.segments
      .filter(({ writable }) => writable)
      .map(({ gpa, length }) => this.#memory.read(gpa, length));
    const room = Uint8Array.from(Buffer.concat(parts));
    for (const { gpa, length } of owned) this.#arena.give(gpa, length);
    sent.used = { written, data: room.subarray(0, written), room };
    resolve(sent.used);
  }
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
