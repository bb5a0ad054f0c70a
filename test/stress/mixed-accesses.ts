/** Mixed accesses of several callers to several regions of one fd: each has a number that both sides check. */
import { SEQUENCE, truncated } from './devices/sequence.js';
import type { Access } from './guest.js';
import type { Performer } from './performer.js';
import { Random } from './random.js';
import { PLACES, type SequenceMachine } from './sequence-machine.js';
import { LIST_ACCESSES } from './vcpu-performer.js';

const SIZES = [1, 2, 4] as const;

/** What one caller did, in numbers that both sides must agree on. */
export class CallerTally {
  /** Accesses by region. */
  readonly counts = PLACES.map(() => 0);
  reads = 0;
  writes = 0;
  posted = 0;
  /** Reads that did not return the number due. */
  wrong = 0;
  readonly #index: number;
  readonly #random: Random;

  constructor(index: number, random: Random) {
    this.#index = index;
    this.#random = random;
  }

  /** Accesses so far. */
  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Makes `count` random accesses and checks what they return. */
  async run(performer: Performer, count: number, onProgress: () => void = () => {}): Promise<void> {
    for (let left = count; left > 0; left -= LIST_ACCESSES) {
      const chunk = Array.from({ length: Math.min(left, LIST_ACCESSES) }, () => this.#plan());
      const values = await performer.perform(chunk.map(({ access }) => access));
      for (const [index, { due }] of chunk.entries()) if (values[index] !== due) this.wrong += 1;
      onProgress();
    }
  }

  /** One access, and the value that it must return (null: a write). */
  #plan(): { access: Access; due: number | null } {
    const random = this.#random;
    const region = random.below(PLACES.length);
    const { space, gpa, postedWrites } = PLACES[region]!;
    const size = SIZES[random.below(SIZES.length)]!;
    const offset = this.#index * SEQUENCE.window + random.below(SEQUENCE.window / size) * size;
    const number = truncated(this.counts[region]!++, size);
    const access = { space, address: gpa + offset, size };
    if (random.below(2) === 0) {
      this.reads += 1;
      return { access, due: number };
    }
    if (postedWrites) this.posted += 1;
    else this.writes += 1;
    return { access: { ...access, value: number }, due: null };
  }
}

/** Sums over all callers, as callers and as devices count them. */
export interface MixedResult {
  readonly wrongReads: number;
  /** By region, as the devices count. */
  readonly wrongWrites: readonly (number | null)[];
  /** By caller and region. */
  readonly made: readonly (readonly number[])[];
  readonly served: readonly (readonly (number | null)[])[];
  /** By kind, as callers and as the dispatcher count. */
  readonly kinds: readonly number[];
  readonly dispatched: readonly number[];
}

/** Each caller makes `count` accesses, all at the same time. */
export async function runMixedAccesses(
  machine: SequenceMachine,
  count: number,
  seed: number,
  onProgress: (accesses: number) => void,
): Promise<MixedResult> {
  const { performers } = machine;
  const tallies = performers.map((_, index) => new CallerTally(index, new Random(seed + index)));
  const report = () => onProgress(tallies.reduce((sum, { total }) => sum + total, 0));
  await Promise.all(performers.map((performer, index) => tallies[index]!.run(performer, count, report)));
  return await compare(machine, tallies);
}

/** What both sides say about accesses that have been made. */
export async function compare(machine: SequenceMachine, tallies: readonly CallerTally[]): Promise<MixedResult> {
  const dispatched = dispatchedBy(machine);
  const sum = (of: (tally: CallerTally) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
  const offsets = tallies.map((_, index) => SEQUENCE.counts + 4 * index);
  const [wrongWrites, ...served] = await machine.status([SEQUENCE.wrong, ...offsets]);
  return {
    wrongReads: sum(({ wrong }) => wrong),
    wrongWrites: wrongWrites!,
    made: tallies.map(({ counts }) => counts),
    served,
    kinds: [sum(({ reads }) => reads), sum(({ writes }) => writes), sum(({ posted }) => posted)],
    dispatched,
  };
}

function dispatchedBy({ regions }: SequenceMachine): number[] {
  const stats = regions.map((region) => region.stats()!);
  return (['reads', 'writes', 'posted'] as const).map((kind) => stats.reduce((total, each) => total + each[kind], 0));
}
