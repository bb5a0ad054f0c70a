/** A queue engine and the driver of its ring, in every set-up that the specification allows. */
import { GuestMemory } from 'ioregion/memory';
import {
  hookMemory,
  type MemoryHook,
  MockQueue,
  type PackedRing,
  type Segment,
  type SplitRing,
} from 'ioregion/testing';
import { type Chain, createQueue, Feature, type QueueEngine, type QueueError, type QueueSetup } from 'ioregion/virtio';
import { onTestFinished } from 'vitest';

export interface SetUp {
  readonly name: string;
  readonly features: bigint;
  /** Chains are in indirect tables. */
  readonly indirect: boolean;
}

export type Format = 'split' | 'packed';

export const FORMATS: readonly Format[] = ['split', 'packed'];

export function setUp(format: Format, { indirect = false, eventIdx = false, inOrder = false } = {}): SetUp {
  const features =
    Feature.version1 |
    (format === 'packed' ? Feature.ringPacked : 0n) |
    (indirect ? Feature.indirectDesc : 0n) |
    (eventIdx ? Feature.eventIdx : 0n) |
    (inOrder ? Feature.inOrder : 0n);
  const words = [format, indirect && 'indirect', eventIdx && 'EVENT_IDX', inOrder && 'IN_ORDER'];
  return { name: words.filter((word) => word).join(', '), features, indirect };
}

const BOTH = [false, true];

/** Split and packed x direct and indirect x with and without EVENT_IDX x with and without IN_ORDER. */
export const SET_UPS: readonly SetUp[] = FORMATS.flatMap((format) =>
  BOTH.flatMap((indirect) =>
    BOTH.flatMap((eventIdx) => BOTH.map((inOrder) => setUp(format, { indirect, eventIdx, inOrder }))),
  ),
);

export const has = ({ features }: SetUp, feature: bigint): boolean => (features & feature) !== 0n;

export interface SubjectOptions {
  readonly size?: number;
  /** Where the ring begins, as in QueuePosition. */
  readonly position?: number;
  /** Default: 1 MiB from 0, closed with the test. */
  readonly memory?: GuestMemory;
  readonly hook?: MemoryHook;
  /** What the engine is told instead of where the ring is. */
  readonly setup?: Partial<QueueSetup>;
}

export class Subject {
  readonly memory: GuestMemory;
  readonly queue: MockQueue;
  engine: QueueEngine;
  /** Calls of the device; the driver does nothing about them. */
  calls = 0;
  /** Kicks of the driver; the device does nothing about them. */
  kicks = 0;
  /** `roomAvailable` of the engine. */
  rooms = 0;
  readonly failures: QueueError[] = [];
  readonly #hook: MemoryHook | undefined;
  readonly #setup: Partial<QueueSetup>;

  constructor({ features, indirect }: SetUp, { size = 8, position, memory, hook, setup = {} }: SubjectOptions = {}) {
    this.memory = memory ?? GuestMemory.create(1 << 20);
    if (memory === undefined) onTestFinished(() => this.memory.close());
    this.#hook = hook;
    this.#setup = setup;
    const end = this.memory.regions[0]!.size;
    const kick = () => void this.kicks++;
    const start = position === undefined ? {} : { position };
    this.queue = new MockQueue(this.memory, { index: 0, size, features, base: 0, end, indirect, kick, ...start });
    this.engine = this.#create();
  }

  get ring(): SplitRing | PackedRing {
    return this.queue.ring;
  }

  /** Goes on where the last engine stopped, as after migration. Nothing may be in flight. */
  restart(): void {
    this.engine.stop();
    const { position } = this.engine;
    this.engine = this.#create(position);
  }

  /** Makes chains available, without a kick. */
  offer(...chains: readonly (readonly Segment[])[]) {
    const sent = chains.map((segments) => this.queue.add(segments));
    this.queue.publish();
    return sent;
  }

  /** The next so many chains. */
  pop(count = 1): Chain[] {
    return Array.from({ length: count }, () => {
      const chain = this.engine.pop();
      if (chain === null) throw new Error(`no chain: ${this.engine.failure?.message ?? 'nothing there'}`);
      return chain;
    });
  }

  /** One round trip of a chain. */
  exchange(): void {
    const [sent] = this.offer([{ bytes: Uint8Array.of(1, 2) }, { room: 4 }]);
    const [chain] = this.pop();
    chain!.complete(chain!.writable.copyFrom(Uint8Array.of(9, 8, 7)));
    this.engine.flush();
    this.queue.collect();
    if (sent!.used?.data.join() !== '9,8,7') throw new Error('the chain did not come back as it was completed');
  }

  #create(position = this.queue.setup.position!): QueueEngine {
    const memory = this.#hook === undefined ? this.memory : hookMemory(this.memory, this.#hook);
    return createQueue({ ...this.queue.setup, position, ...this.#setup }, memory, {
      call: () => void this.calls++,
      roomAvailable: () => void this.rooms++,
      failed: (error) => void this.failures.push(error),
    });
  }
}

export const bytes = (...values: number[]): { bytes: Uint8Array } => ({ bytes: Uint8Array.from(values) });

export const pattern = (length: number, first = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);
