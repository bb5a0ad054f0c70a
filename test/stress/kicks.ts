/** Kicks at random moments, while accesses wait for a device that takes its time. */
import { CallerTally, compare, type MixedResult } from './mixed-accesses.js';
import { Random } from './random.js';
import type { SequenceMachine } from './sequence-machine.js';

/** Longest time between the end of one kick's interruption and the next kick. */
const LONGEST_PAUSE_NS = 100_000;
/** Accesses between two looks at whether there have been kicks enough. */
const CHUNK = 500;

export interface KickResult extends MixedResult {
  readonly interruptions: number;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pause(random: Random): void {
  const until = performance.now() + random.below(LONGEST_PAUSE_NS) / 1e6;
  while (performance.now() < until);
}

/** Kicks the first caller `count` times, each time after the interruption of the last kick, while it makes accesses. */
export async function runKicks(machine: SequenceMachine, count: number, seed: number): Promise<KickResult> {
  const performer = machine.performers[0]!;
  const tally = new CallerTally(0, new Random(seed));
  let kicking = true;
  const kick = async () => {
    const random = new Random(seed + 1);
    for (let given = 0; given < count; given++) {
      pause(random);
      performer.kick();
      while (performer.interruptions <= given) await turn();
    }
    kicking = false;
  };
  const access = async () => {
    while (kicking) await tally.run(performer, CHUNK);
  };
  await Promise.all([kick(), access()]);
  return { ...(await compare(machine, [tally])), interruptions: performer.interruptions };
}
