/** A right driver and a right device that do their steps in any order, and a model of what each has to see. */

import fc from 'fast-check';
import type { GuestMemory } from 'ioregion/memory';
import type { Segment, Sent } from 'ioregion/testing';
import { type Chain, Feature } from 'ioregion/virtio';
import { expect } from 'vitest';
import { has, pattern, type SetUp, Subject } from './subject.js';

export type Step =
  | {
      readonly do: 'add';
      readonly reads: readonly number[];
      readonly writes: readonly number[];
      readonly indirect: boolean;
    }
  | { readonly do: 'pop' | 'complete'; readonly count: number }
  | { readonly do: 'callAfter'; readonly count: number }
  | { readonly do: 'publish' | 'flush' | 'collect' | 'kicks' | 'noKicks' | 'calls' | 'noCalls' | 'restart' | 'reset' };

const lengths = (maxLength: number) => fc.array(fc.oneof(fc.nat(5), fc.nat(300)), { maxLength });

export const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      reads: lengths(3),
      writes: lengths(3),
      indirect: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'publish' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('pop' as const, 'complete' as const),
      count: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'collect' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('callAfter' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('kicks' as const, 'noKicks' as const, 'calls' as const, 'noCalls' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'reset' as const) }) },
);

interface Flight {
  readonly sent: Sent;
  readonly number: number;
  readonly content: Uint8Array;
  chain: Chain | null;
  written: number;
}

export interface RunOptions {
  readonly made: SetUp;
  readonly size: number;
  readonly position: number | undefined;
  readonly memory: GuestMemory;
}

/** One driver and one device on one ring. */
export class RightDriver {
  readonly #options: RunOptions;
  #subject: Subject;
  #number = 0;
  /** Added and not published; published and not popped; popped and not completed; completed and not seen as used. */
  #added: Flight[] = [];
  #available: Flight[] = [];
  #taken: Flight[] = [];
  #completed: Flight[] = [];
  /** Those of them that have been flushed, or are held back by IN_ORDER. */
  #order: Flight[] = [];
  /** The device has found the ring empty, with kicks enabled, and nothing has been made available since. */
  #waits = false;
  #kicks = true;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#subject = this.#begin();
  }

  carryOut(step: Step): void {
    if (step.do === 'add') this.#add(step);
    else if (step.do === 'pop') this.#pop(step.count);
    else if (step.do === 'complete') this.#complete(step.count);
    else if (step.do === 'callAfter') this.#callAfter(step.count);
    else this[step.do]();
    const { engine, failures } = this.#subject;
    expect(failures).toEqual([]);
    expect(engine.inFlight).toBe(this.#taken.length);
  }

  /** Everything comes back in the end. */
  finish(): void {
    for (let round = 0; round <= this.#options.size && this.#outstanding > 0; round++) {
      this.publish();
      this.#pop(this.#options.size);
      this.#complete(this.#options.size);
      this.flush();
      this.collect();
    }
    expect(this.#outstanding).toBe(0);
    expect(this.#subject.queue.freeDescriptors).toBe(this.#options.size);
    const { popped, completed, calls, suppressedCalls } = this.#subject.engine.counters;
    expect(completed).toBe(popped);
    expect(calls).toBe(this.#subject.calls);
    expect(calls + suppressedCalls).toBeLessThanOrEqual(completed);
  }

  get #outstanding(): number {
    return this.#added.length + this.#available.length + this.#taken.length + this.#completed.length;
  }

  #begin(): Subject {
    const { made, size, position, memory } = this.#options;
    this.#waits = false;
    this.#kicks = true;
    return new Subject(made, { size, memory, ...(position === undefined ? {} : { position }) });
  }

  #add({ reads, writes, indirect }: Extract<Step, { do: 'add' }>): void {
    const table = indirect && has(this.#options.made, Feature.indirectDesc);
    const number = this.#number++;
    const content = pattern(sum(reads), number);
    const sources = reads.map((length, i) => ({
      bytes: content.slice(sum(reads.slice(0, i)), sum(reads.slice(0, i)) + length),
    }));
    const all: Segment[] = [...sources, ...writes.map((room) => ({ room }))].slice(0, this.#options.size);
    if (all.length === 0 || (table ? 1 : all.length) > this.#subject.queue.freeDescriptors) return;
    const sent = this.#subject.queue.add(all, { indirect: table });
    const readable = sum(sent.segments.filter(({ writable }) => !writable).map(({ length }) => length));
    this.#added.push({ sent, number, content: content.subarray(0, readable), chain: null, written: 0 });
  }

  publish(): void {
    this.#subject.queue.publish();
    const kicked = this.#subject.ring.needsKick();
    if (this.#waits && this.#added.length > 0) expect(kicked).toBe(true);
    if (this.#added.length > 0) this.#waits = false;
    this.#available.push(...this.#added.splice(0));
  }

  #pop(count: number): void {
    for (let i = 0; i < count; i++) {
      const chain = this.#subject.engine.pop();
      const flight = this.#available.shift();
      expect(chain?.head).toBe(flight?.sent.id);
      if (chain === null || flight === undefined) {
        this.#waits = this.#kicks;
        return;
      }
      flight.chain = chain;
      this.#checkRead(flight, chain);
      this.#taken.push(flight);
      this.#order.push(flight);
    }
  }

  #checkRead({ content, sent }: Flight, { readable, writable }: Chain): void {
    expect(readable.byteLength).toBe(content.length);
    const copy = new Uint8Array(content.length);
    expect(readable.copyTo(copy)).toBe(content.length);
    expect(Buffer.compare(copy, content)).toBe(0);
    const room = sum(sent.segments.filter((segment) => segment.writable).map(({ length }) => length));
    expect(writable.byteLength).toBe(room);
  }

  /** The chain that is completed is any of those taken. */
  #complete(count: number): void {
    for (let i = 0; i < count && this.#taken.length > 0; i++) {
      const [flight] = this.#taken.splice((this.#number * 7 + i * 3) % this.#taken.length, 1);
      const { number, chain } = flight!;
      flight!.written = chain!.writable.copyFrom(pattern(chain!.writable.byteLength - (number % 2), number + 100));
      chain!.complete(flight!.written);
      this.#completed.push(flight!);
    }
  }

  flush(): void {
    this.#subject.engine.flush();
  }

  /** What the driver sees as used is what was completed, by its number, with what was written. */
  collect(): void {
    const { queue } = this.#subject;
    const seen = queue.collect();
    const used = this.#completed.filter(({ sent }) => sent.used !== undefined);
    expect(used.length).toBe(seen);
    for (const { sent, number, written } of used) {
      expect(sent.used!.written).toBe(written);
      expect(Buffer.compare(sent.used!.data, pattern(written, number + 100))).toBe(0);
    }
    this.#completed = this.#completed.filter(({ sent }) => sent.used === undefined);
    if (has(this.#options.made, Feature.inOrder)) this.#checkOrder();
  }

  /** With IN_ORDER nothing is used before what was made available earlier. */
  #checkOrder(): void {
    const flags = this.#order.map(({ sent }) => sent.used !== undefined);
    expect(flags.lastIndexOf(true)).toBeLessThan(flags.includes(false) ? flags.indexOf(false) : flags.length);
    this.#order = this.#order.filter(({ sent }) => sent.used === undefined);
  }

  kicks(): void {
    const waiting = this.#subject.engine.enableKicks();
    expect(waiting).toBe(this.#available.length > 0);
    this.#kicks = true;
    this.#waits = !waiting;
  }

  noKicks(): void {
    this.#subject.engine.disableKicks();
    this.#kicks = false;
    this.#waits = false;
  }

  /** After everything used has been collected, the next flush of a completion calls. */
  calls(): void {
    this.flush();
    this.collect();
    this.#subject.ring.setCalls(true);
    const before = this.#subject.calls;
    const ready = this.#subject.engine.counters.completed;
    this.#complete(1);
    this.flush();
    if (this.#subject.engine.counters.completed > ready) expect(this.#subject.calls).toBe(before + 1);
  }

  noCalls(): void {
    this.#subject.ring.setCalls(false);
  }

  #callAfter(count: number): void {
    if (has(this.#options.made, Feature.eventIdx)) this.#subject.ring.callAfter(count);
  }

  /** The queue stops, and another goes on with its ring: nothing may be in flight then. */
  restart(): void {
    this.#complete(this.#taken.length);
    this.flush();
    this.#subject.restart();
    this.#subject.calls = 0;
    this.#kicks = true;
    this.#waits = false;
  }

  /** Whatever is in flight is lost, and harms nobody. */
  reset(): void {
    const { engine } = this.#subject;
    engine.stop();
    for (const { chain } of this.#taken) chain!.complete(0);
    expect(engine.inFlight).toBe(0);
    this.#added = [];
    this.#available = [];
    this.#taken = [];
    this.#completed = [];
    this.#order = [];
    this.#subject = this.#begin();
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
