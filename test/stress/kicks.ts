/** Kicks at random moments, while accesses wait for a device that takes its time. */
import { PATIENCE } from '../support/patience.js';
import { CallerTally, compare, type MixedResult } from './mixed-accesses.js';
import { Random } from './random.js';
import type { SequenceMachine } from './sequence-machine.js';

/** Longest time between the end of one kick's interruption and the next kick. */
const LONGEST_PAUSE_US = 100 * PATIENCE;
/** Accesses between two looks at whether there have been kicks enough. */
const CHUNK = 500;

export interface KickResult extends MixedResult {
  readonly interruptions: number;
}

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

/** Gives the CPU to others: there may be one only. */
function pause(random: Random): void {
  Atomics.wait(nobodyWakes, 0, 0, random.below(LONGEST_PAUSE_US) / 1000);
}

/** Kicks the first caller `count` times, each time after the interruption of the last kick, while it makes accesses. */
export async function runKicks(
  machine: SequenceMachine,
  count: number,
  seed: number,
  onProgress: (kicks: number) => void,
): Promise<KickResult> {
  const performer = machine.performers[0]!;
  const tally = new CallerTally(0, new Random(seed));
  let kicking = true;
  const kick = async () => {
    const random = new Random(seed + 1);
    for (let given = 0; given < count; given++) {
      pause(random);
      performer.kick();
      await performer.interrupted(given + 1);
      onProgress(given);
    }
    kicking = false;
  };
  const access = async () => {
    while (kicking) await tally.run(performer, CHUNK);
  };
  await Promise.all([kick(), access()]);
  return { ...(await compare(machine, [tally])), interruptions: performer.interruptions };
}
